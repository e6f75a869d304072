// A form waits for its photos before it is sent, and the person is asked before photos are lost.

const LEAVE_QUESTION = "Фото ещё не сохранены вместе с формой. Уйти без них?";

let listUploads = () => [];
const waitingForms = new WeakSet();

// `getUploads` returns all uploads that are not photos of the page yet. `isUnsaved` of an upload means that only the
// form it belongs to can save it.
export function guardForms(getUploads) {
  listUploads = getUploads;
}

const uploadsIn = (region) => listUploads().filter((upload) => region?.contains(upload.tile.element));

window.addEventListener("beforeunload", (event) => {
  const wouldBeLost = (upload) => upload.isRunning || (upload.isUnsaved && upload.state === "accepted");
  if (listUploads().some(wouldBeLost)) event.preventDefault();
});

// In the capturing phase: before app.js, which asks the question.
document.addEventListener("htmx:confirm", (event) => {
  const { elt: element, verb, target } = event.detail;
  if (verb === "get") {
    const wouldBeLost = (upload) => upload.isUnsaved && upload.state !== "refused";
    if (uploadsIn(target).some(wouldBeLost)) event.detail.question ??= LEAVE_QUESTION;
    return;
  }
  const running = uploadsIn(target).filter((upload) => upload.isRunning);
  if (!running.length || element.closest("[data-photo]")) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (!waitingForms.has(element)) sendAfterUploads(element, running, event.detail);
}, true);

async function sendAfterUploads(form, uploads, { triggeringEvent, issueRequest }) {
  const button = triggeringEvent?.submitter;
  const notice = form.querySelector("[data-holding]");
  const showRemaining = () => {
    const remaining = uploads.filter((upload) => upload.isRunning).length;
    notice.hidden = !remaining;
    notice.textContent = `Отправляем фото, осталось: ${remaining}. Продолжим, как только они дойдут; чтобы не ждать, уберите их.`;
  };
  waitingForms.add(form);
  button?.setAttribute("aria-busy", "true");
  showRemaining();
  uploads.forEach((upload) => upload.addEventListener("change", showRemaining));
  await Promise.allSettled(uploads.map((upload) => upload.finished));
  uploads.forEach((upload) => upload.removeEventListener("change", showRemaining));
  notice.hidden = true;
  button?.removeAttribute("aria-busy");
  waitingForms.delete(form);
  const refused = uploads.find((upload) => upload.state === "refused");
  if (refused) refused.tile.focus();
  else if (form.isConnected) issueRequest(true);
}
