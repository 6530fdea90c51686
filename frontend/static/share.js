// Loaded by the page on which a proof is shared: where this browser has the receipt's key, the proof can be made for
// one audience alone (key binding, RFC 9901 §4.3). The registry is not told for whom.
import { base64url, findKey, signBy } from "./holder-keys.js";

const utf8 = (text) => new TextEncoder().encode(text);
const encode = (value) => base64url(utf8(JSON.stringify(value)));

async function bind(receipt, key, audience, nonce) {
  const presented = receipt.sd_jwt;
  const hash = base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", utf8(presented))));
  const payload = { iat: Math.floor(Date.now() / 1000), aud: audience, nonce, sd_hash: hash };
  const message = `${encode({ alg: "Ed25519", typ: "kb+jwt" })}.${encode(payload)}`;
  const proof = `${message}.${await signBy(key, utf8(message))}`;
  return { ...receipt, format: "gatehouse-receipt/2", sd_jwt: presented + proof };
}

function save(text, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

async function offer(form) {
  const key = await findKey(form.dataset.holderKey).catch(() => undefined);
  if (!key) {
    document.querySelector("[data-key-elsewhere]").hidden = false;
    return;
  }
  form.parentElement.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const trouble = form.querySelector("[data-trouble]");
    trouble.hidden = true;
    try {
      const answer = await fetch(form.dataset.url, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(`the registry answered ${answer.status}`);
      const receipt = await bind(await answer.json(), key, form.elements.audience.value.trim(), form.elements.nonce.value.trim());
      save(`${JSON.stringify(receipt, null, 2)}\n`, form.dataset.fileName);
    } catch (error) {
      trouble.textContent = `The proof was not made: ${error.message}. Load the page again and try once more.`;
      trouble.hidden = false;
    }
  });
}

const form = document.querySelector("form[data-holder-key]");
if (form) offer(form);
