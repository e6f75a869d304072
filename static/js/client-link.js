// The panel with the link to the client's page: full screen, share, copy. Without this file the code and the address
// are there.

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

const prepareAll = () => document.querySelectorAll("[data-share]").forEach(prepare);
prepareAll();
document.addEventListener("htmx:load", prepareAll);
