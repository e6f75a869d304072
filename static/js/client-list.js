// The list is found again as it was left: the tab, how many cards were shown, and the place of the one that was opened.

const KEY = "list";
const list = () => document.querySelector(".clients");

// Captured before htmx remembers the page's address for the back button.
document.addEventListener("click", (event) => {
  const card = event.target.closest(".clients .client");
  if (!card) return;
  const address = new URL(location.href);
  address.searchParams.set("tab", list().querySelector("[name=tab]").value);
  if (!address.searchParams.has("after")) {
    address.searchParams.set("shown", list().querySelectorAll(".client").length);
  }
  address.hash = card.closest("li").id;
  history.replaceState(history.state, "", address);
  sessionStorage.setItem(KEY, address.pathname + address.search + address.hash);
}, true);

document.addEventListener("htmx:configRequest", (event) => {
  const address = sessionStorage.getItem(KEY);
  if (address && event.detail.elt.matches("a[data-to-list]")) event.detail.path = address;
});

function toOpenedCard() {
  const card = list() && location.hash && document.getElementById(location.hash.slice(1));
  if (card) requestAnimationFrame(() => card.scrollIntoView({ block: "center" }));
}
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.target?.id === "main") toOpenedCard();
});
document.addEventListener("htmx:historyRestore", toOpenedCard);
