// Buttons that copy and print the backup codes, which are shown only once.

document.addEventListener("click", async (event) => {
  if (event.target.closest("[data-print]")) window.print();
  if (!event.target.closest("[data-copy-codes]")) return;
  const codes = [...document.querySelectorAll("[data-codes] li")].map((item) => item.textContent);
  await navigator.clipboard.writeText(codes.join("\n"));
  document.querySelector("[data-copied]").hidden = false;
});
