// Opens the sign-in dialog once for all photos that wait for it.

import { SignedOut } from "./errors.js";

export const csrfToken = () => document.querySelector('[name="csrfmiddlewaretoken"]').value;

let pending = null;

// Resolves when the person has signed in. Rejects with SignedOut when they closed the dialog. `url` must require a
// session: the server answers the request with the sign-in dialog.
export function signIn(url) {
  pending ??= openDialog(url).finally(() => { pending = null; });
  return pending;
}

async function openDialog(url) {
  const dialog = document.getElementById("dialog");
  const closed = new Promise((resolve, reject) => {
    document.addEventListener("signed-in", resolve, { once: true });
    dialog.addEventListener("close", () => reject(new SignedOut("Чтобы отправить фото, войдите ещё раз.")), { once: true });
  });
  closed.catch(() => {}); // not an unhandled rejection when nobody waits for it
  const values = { csrfmiddlewaretoken: csrfToken() };
  await window.htmx.ajax("POST", url, { target: "#dialog", swap: "none", values });
  if (dialog.querySelector("[data-sign-in]")) await closed;
}
