// Loaded by pages that ask for a passkey. The form carries the options; the browser's answer goes back in it.
// Where an acceptance is signed, the keys that its receipts are bound to sign the declaration, too.
import { findKey, proveAtHand } from "./holder-keys.js";

function explain(form, text) {
  const place = form.querySelector("[data-passkey-trouble]");
  place.textContent = text;
  place.hidden = false;
}

async function answer(form) {
  const given = JSON.parse(form.dataset.options);
  if (form.dataset.passkey === "make") {
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(given);
    return navigator.credentials.create({ publicKey });
  }
  return navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(given) });
}

async function bindKeys(form) {
  for (const place of form.querySelectorAll("[data-proof-of]")) {
    place.value = await proveAtHand(await findKey(place.dataset.proofOf), form.dataset.declaration);
  }
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!window.PublicKeyCredential?.parseRequestOptionsFromJSON) {
      explain(form, "This browser is too old for passkeys here. Update it, or go another way.");
      return;
    }
    try {
      form.elements.credential.value = JSON.stringify((await answer(form)).toJSON());
    } catch (error) {
      explain(
        form,
        error.name === "InvalidStateError"
          ? "This device has a passkey for your account already."
          : "No passkey was used: you stopped, or this device has none for this registry.",
      );
      return;
    }
    try {
      await bindKeys(form);
    } catch {
      explain(form, "This browser has lost the key that it made for your receipt. Go back and begin again.");
      return;
    }
    form.submit();
  });
}
