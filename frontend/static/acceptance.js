// Loaded by the acceptance page only: notes when the end of the text was on the screen, and this machine's
// clock. Both are corroboration; without this file the fields stay empty and the acceptance is as good.
const form = document.getElementById("accept-form");
const end = document.getElementById("text-end");

if (form && end) {
  const seen = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    form.elements.end_reached_ms.value = Math.round(performance.now());
    seen.disconnect();
  });
  seen.observe(end);

  form.addEventListener("submit", () => {
    form.elements.client_at.value = new Date().toISOString();
  });
}
