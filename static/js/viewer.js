// Shows photos at full size over the page. Without JavaScript a thumbnail is a link to its photo.

const MIN_SWIPE = 40; // pixels
const KEYS = {
  ArrowLeft: () => current - 1,
  ArrowRight: () => current + 1,
  Home: () => 0,
  End: () => links.length - 1,
};

let links = []; // the thumbnails of one device or passport, in order
let current = 0;
let swipeStart = null;

const viewer = () => document.querySelector("[data-viewer]");
const part = (name) => viewer().querySelector(`[data-part="${name}"]`);

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-view]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  links = [...(link.closest(".tiles") ?? document).querySelectorAll("a[data-view]")];
  viewer().showModal();
  showPhoto(links.indexOf(link));
});

function showPhoto(index) {
  if (!links[index]) return;
  current = index;
  const image = part("image");
  image.src = links[current].href;
  image.alt = links[current].querySelector("img")?.alt ?? links[current].textContent;
  part("failure").hidden = true;
  part("counter").textContent = links.length > 1 ? `${current + 1} из ${links.length}` : "";
  for (const button of viewer().querySelectorAll("[data-step]")) {
    button.hidden = links.length === 1;
    button.setAttribute("aria-disabled", String(!links[current + Number(button.dataset.step)]));
  }
  if (links[current + 1]) new Image().src = links[current + 1].href; // loads the next photo in advance
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-viewer] [data-close]")) viewer().close();
  const button = event.target.closest("[data-viewer] [data-step]");
  if (button) showPhoto(current + Number(button.dataset.step));
});

document.addEventListener("keydown", (event) => {
  if (!viewer()?.open || !(event.key in KEYS)) return;
  event.preventDefault();
  showPhoto(KEYS[event.key]());
});

// In a zoomed photo a swipe moves the visible part.
document.addEventListener("pointerdown", (event) => {
  swipeStart = event.target.closest("[data-viewer]") && window.visualViewport.scale === 1 ? event.clientX : null;
});
document.addEventListener("pointerup", (event) => {
  if (swipeStart === null) return;
  const distance = event.clientX - swipeStart;
  swipeStart = null;
  if (Math.abs(distance) > MIN_SWIPE) showPhoto(current - Math.sign(distance));
});

// Neither "error" nor "close" bubbles.
document.addEventListener("error", (event) => {
  if (event.target.matches?.('[data-viewer] [data-part="image"]')) part("failure").hidden = false;
}, true);
document.addEventListener("close", (event) => {
  if (!event.target.matches("[data-viewer]")) return;
  part("image").removeAttribute("src");
  links[current]?.focus();
}, true);
