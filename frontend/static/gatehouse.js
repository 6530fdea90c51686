// Optional comfort. Every page works without this file.
const root = document.documentElement;
root.classList.add("js");
const status = document.getElementById("status");

// Copy buttons: <button type="button" data-copy="text">Copy</button>
async function copy(button) {
  const before = button.dataset.label ?? button.textContent;
  button.dataset.label = before;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Select and copy";
  }
  status.textContent = button.textContent;
  setTimeout(() => {
    button.textContent = before;
    status.textContent = "";
  }, 2000);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.matches("[data-copy]")) copy(button);
  if (button?.matches("[data-print]")) window.print();
});

// Local time as a tooltip; the page itself always shows UTC.
for (const time of document.querySelectorAll("time[datetime]")) {
  const at = new Date(time.dateTime);
  if (!Number.isNaN(at.valueOf()) && time.dateTime.includes("T")) time.title = `${at.toLocaleString()} for you`;
}

// A list of errors takes the focus, so that it is read first.
document.querySelector("[data-focus]")?.focus();
