// Signing in over the page after the session ended, so that nothing typed is lost.

const ANSWERS_WITH_A_DIALOG = [401, 422, 429];

const place = () => document.getElementById("dialog");

document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (detail.target === place() && ANSWERS_WITH_A_DIALOG.includes(detail.xhr.status)) {
    detail.shouldSwap = true;
    detail.isError = false;
  }
});

document.addEventListener("htmx:afterSwap", () => {
  place()?.querySelector("dialog.sign-in:not([open])")?.showModal();
});

// Sent by the server with the token of the new session: the forms on the page still have the old one's.
document.addEventListener("signed-in", ({ detail }) => {
  for (const field of document.querySelectorAll("input[name=csrfmiddlewaretoken]")) field.value = detail.token;
  place().querySelector("dialog.sign-in")?.close();
  place().replaceChildren();
});

document.addEventListener("click", ({ target }) => {
  target.closest?.("dialog.sign-in [data-close-dialog]")?.closest("dialog").close();
});
