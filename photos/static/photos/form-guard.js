// Forms wait for the photos that belong to them, and nothing is left behind without a question.

const NOT_SAVED = "Фото ещё не сохранены вместе с формой. Уйти без них?";

let all = () => [];
const held = new WeakSet();

// `uploads` gives every photo that has not become one of the page, each with `isNew`: nothing but its form keeps it.
export function watch(uploads) {
  all = uploads;
}

const within = (region) => all().filter((upload) => region?.contains(upload.tile.box));

window.addEventListener("beforeunload", (event) => {
  if (all().some((upload) => upload.isUnderWay || (upload.isNew && upload.state === "accepted"))) event.preventDefault();
});

// Captured before app.js, which asks the question.
document.addEventListener("htmx:confirm", (event) => {
  const { elt, verb, target } = event.detail;
  if (verb === "get") {
    if (within(target).some((upload) => upload.isNew && upload.state !== "refused")) event.detail.question ??= NOT_SAVED;
    return;
  }
  const coming = within(target).filter((upload) => upload.isUnderWay);
  if (!coming.length || elt.closest("[data-photo]")) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (!held.has(elt)) hold(elt, coming, event.detail);
}, true);

async function hold(form, uploads, { triggeringEvent, issueRequest }) {
  const button = triggeringEvent?.submitter;
  const notice = form.querySelector("[data-holding]");
  const tell = () => {
    const left = uploads.filter((upload) => upload.isUnderWay).length;
    notice.hidden = !left;
    notice.textContent = `Отправляем фото, осталось: ${left}. Продолжим, как только они дойдут; чтобы не ждать, уберите их.`;
  };
  held.add(form);
  button?.setAttribute("aria-busy", "true");
  tell();
  uploads.forEach((upload) => upload.addEventListener("change", tell));
  await Promise.allSettled(uploads.map((upload) => upload.over));
  uploads.forEach((upload) => upload.removeEventListener("change", tell));
  notice.hidden = true;
  button?.removeAttribute("aria-busy");
  held.delete(form);
  const refused = uploads.find((upload) => upload.state === "refused");
  if (refused) refused.tile.focus();
  else if (form.isConnected) issueRequest(true);
}
