// Backup codes are shown once: copied or printed with one press.

document.addEventListener("click", async (event) => {
  if (event.target.closest("[data-print]")) window.print();
  if (!event.target.closest("[data-copy-codes]")) return;
  const codes = [...document.querySelectorAll("[data-codes] li")].map((item) => item.textContent);
  await navigator.clipboard.writeText(codes.join("\n"));
  document.querySelector("[data-copied]").hidden = false;
});
