// Loaded by the acceptance page only: notes when the end of each text was on the screen, and this machine's
// clock. Both are corroboration; without this file the fields stay empty and the acceptance is as good.
// Who goes on to sign gets a key for each text, to which the receipt is bound; where the browser can make none, it is not.
import { makeKey } from "./holder-keys.js";

const form = document.getElementById("accept-form");

if (form) {
  const fields = [...form.querySelectorAll("[data-end-of]")];
  const seen = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      for (const field of fields) {
        if (field.dataset.endOf === target.id) field.value = Math.round(performance.now());
      }
      seen.unobserve(target);
    }
  });
  for (const id of new Set(fields.map((field) => field.dataset.endOf))) {
    const end = document.getElementById(id);
    if (end) seen.observe(end);
  }

  form.addEventListener("submit", async (event) => {
    form.elements.client_at.value = new Date().toISOString();
    const button = event.submitter;
    if (!button?.hasAttribute("formaction")) return;
    event.preventDefault();
    const places = form.querySelectorAll("[data-holder-key]");
    try {
      for (const place of places) place.value = await makeKey();
    } catch {
      for (const place of places) place.value = "";
    }
    form.action = button.formAction;
    form.submit();
  });
}
