// Optional comfort. Every page works without this file.
const root = document.documentElement;
root.classList.add("js");
const status = document.getElementById("status");

// Copy buttons: <button type="button" data-copy="text">Copy</button>; only their first words change.
async function copy(button) {
  const words = button.firstChild;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    words.nodeValue = "Copied";
  } catch {
    words.nodeValue = "Select and copy";
  }
  status.textContent = words.nodeValue;
  setTimeout(() => {
    words.nodeValue = "Copy";
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
