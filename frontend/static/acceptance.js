// Loaded by the acceptance page only: notes when the end of each text was on the screen, and this machine's
// clock. Both are corroboration; without this file the fields stay empty and the acceptance is as good.
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

  form.addEventListener("submit", () => {
    form.elements.client_at.value = new Date().toISOString();
  });
}
