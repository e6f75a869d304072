// Photos at full size over the page. Without JavaScript a thumbnail is a link to its photo.

const SWIPE = 40; // pixels
const KEYS = { ArrowLeft: () => at - 1, ArrowRight: () => at + 1, Home: () => 0, End: () => links.length - 1 };

let links = []; // the thumbnails of one place, in order
let at = 0;
let swipeFrom = null;

const viewer = () => document.querySelector("[data-viewer]");
const part = (name) => viewer().querySelector(`[data-part="${name}"]`);

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-view]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  links = [...(link.closest(".tiles") ?? document).querySelectorAll("a[data-view]")];
  viewer().showModal();
  show(links.indexOf(link));
});

function show(number) {
  if (!links[number]) return;
  at = number;
  const image = part("image");
  image.src = links[at].href;
  image.alt = links[at].querySelector("img")?.alt ?? links[at].textContent;
  part("failure").hidden = true;
  part("counter").textContent = links.length > 1 ? `${at + 1} из ${links.length}` : "";
  for (const button of viewer().querySelectorAll("[data-step]")) {
    button.hidden = links.length === 1;
    button.setAttribute("aria-disabled", String(!links[at + Number(button.dataset.step)]));
  }
  if (links[at + 1]) new Image().src = links[at + 1].href;
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-viewer] [data-close]")) viewer().close();
  const button = event.target.closest("[data-viewer] [data-step]");
  if (button) show(at + Number(button.dataset.step));
});

document.addEventListener("keydown", (event) => {
  if (!viewer()?.open || !(event.key in KEYS)) return;
  event.preventDefault();
  show(KEYS[event.key]());
});

// Fingers that have zoomed in move the photo, not to the next one.
document.addEventListener("pointerdown", (event) => {
  swipeFrom = event.target.closest("[data-viewer]") && window.visualViewport.scale === 1 ? event.clientX : null;
});
document.addEventListener("pointerup", (event) => {
  if (swipeFrom === null) return;
  const moved = event.clientX - swipeFrom;
  swipeFrom = null;
  if (Math.abs(moved) > SWIPE) show(at - Math.sign(moved));
});

// Neither of these bubbles.
document.addEventListener("error", (event) => {
  if (event.target.matches?.('[data-viewer] [data-part="image"]')) part("failure").hidden = false;
}, true);
document.addEventListener("close", (event) => {
  if (!event.target.matches("[data-viewer]")) return;
  part("image").removeAttribute("src");
  links[at]?.focus();
}, true);
