// The keys that this browser's acceptances are bound to: one for each text, made before it is signed. They never
// leave the browser, which can use them and cannot read them; whoever clears the site's data ends them.
const STORE = "holder-keys";
const PREFIX = new TextEncoder().encode("gatehouse-holder-key/1\n");

export const base64url = (bytes) =>
  btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");

function inStore(mode, work) {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open("gatehouse", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const database = opening.result;
      const transaction = database.transaction(STORE, mode);
      const request = work(transaction.objectStore(STORE));
      transaction.oncomplete = () => {
        database.close();
        resolve(request.result);
      };
      transaction.onabort = transaction.onerror = () => {
        database.close();
        reject(transaction.error);
      };
    };
  });
}

/** Makes a key, keeps it, and gives its public part: 32 bytes in base64url. */
export async function makeKey() {
  const pair = await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]);
  const x = base64url(new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey)));
  await inStore("readwrite", (store) => store.put(pair.privateKey, x));
  return x;
}

/** Gives the private key of a public part, if this browser has it. */
export const findKey = (x) => inStore("readonly", (store) => store.get(x));

export const signBy = async (key, bytes) => base64url(new Uint8Array(await crypto.subtle.sign("Ed25519", key, bytes)));

/** Gives the signature that shows the key to be at hand while this declaration is signed. */
export function proveAtHand(key, declaration) {
  const said = new TextEncoder().encode(declaration);
  const message = new Uint8Array(PREFIX.length + said.length);
  message.set(PREFIX);
  message.set(said, PREFIX.length);
  return signBy(key, message);
}
