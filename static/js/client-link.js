// The panel with the link to the client's page: full screen, share, copy, and its live status. Without this file the
// code, the address and the status at the time of loading are there.

const NOT_UPDATED = "Статус не обновляется. Проверьте связь или обновите страницу.";

function prepare(share) {
  const { share: url, shareText: text } = share.dataset;
  if (!url || share.dataset.ready) return;
  share.dataset.ready = "yes";
  const find = (name) => share.querySelector(`[data-share-${name}]`);
  const result = find("result");

  find("full").addEventListener("click", () => share.querySelector("dialog").showModal());

  const send = find("send");
  send.hidden = !navigator.share;
  // A rejection means that the person closed the menu.
  send.addEventListener("click", () => navigator.share({ text, url }).catch(() => {}));

  const copy = find("copy");
  copy.hidden = !navigator.clipboard;
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(url);
      result.textContent = "Ссылка скопирована.";
    } catch {
      result.textContent = "Не скопировалось: выделите ссылку ниже.";
    }
  });
}

// A new code ends the page that the client is reading.
function confirmNewCode(panel) {
  const status = panel.querySelector("#link-status");
  const form = panel.querySelector("[data-confirm-if-reading]");
  const isReading = status && "opened" in status.dataset && !("over" in status.dataset);
  if (isReading) form.setAttribute("hx-confirm", form.dataset.confirmIfReading);
  else form.removeAttribute("hx-confirm");
}

function prepareAll() {
  document.querySelectorAll("[data-share]").forEach(prepare);
  document.querySelectorAll(".link-panel").forEach(confirmNewCode);
}
prepareAll();
document.addEventListener("htmx:load", prepareAll);

const isPoll = (event) => event.detail.elt.id === "link-status";

document.addEventListener("htmx:afterRequest", (event) => {
  const status = document.getElementById("link-status");
  if (!isPoll(event) || !status) return;
  const { status: code } = event.detail.xhr; // 0: no connection
  showAdvice(code >= 200 && code < 300 ? status.dataset.adviceNow : NOT_UPDATED);
});
// A changed status is inserted after that.
document.addEventListener("htmx:load", (event) => {
  if (!isPoll(event)) return;
  const status = event.detail.elt;
  showAdvice(status.dataset.adviceNow);
  if ("opened" in status.dataset) hideCode(status.closest(".link-panel"));
});

// Setting the same text again would make a screen reader read it again.
function showAdvice(text) {
  const advice = document.querySelector("[data-advice]");
  if (advice.textContent !== text) advice.textContent = text;
}

// The link works only in the browser that opened it: nobody else needs the code any more.
function hideCode(panel) {
  panel.querySelector("dialog[open]")?.close();
  const parts = [...panel.querySelectorAll("[data-unopened]")];
  const hasFocus = parts.some((part) => part.contains(document.activeElement));
  for (const part of parts) part.hidden = true;
  if (!hasFocus) return;
  const heading = panel.querySelector("h2");
  heading.setAttribute("tabindex", "-1");
  heading.focus({ preventScroll: true });
}
