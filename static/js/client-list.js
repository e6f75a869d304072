// Returning to the list restores the tab, the number of rows and the position of the client that was opened.

const STORAGE_KEY = "list";
const list = () => document.querySelector(".clients");

// In the capturing phase, before htmx saves the page's address for the back button.
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
  sessionStorage.setItem(STORAGE_KEY, address.pathname + address.search + address.hash);
}, true);

document.addEventListener("htmx:configRequest", (event) => {
  const address = sessionStorage.getItem(STORAGE_KEY);
  if (address && event.detail.elt.matches("a[data-to-list]")) event.detail.path = address;
});

function scrollToOpenedClient() {
  const card = list() && location.hash && document.getElementById(location.hash.slice(1));
  if (card) requestAnimationFrame(() => card.scrollIntoView({ block: "center" }));
}
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.target?.id === "main") scrollToOpenedClient();
});
document.addEventListener("htmx:historyRestore", scrollToOpenedClient);
