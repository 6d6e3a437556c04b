
"use strict";
for (const table of document.querySelectorAll("table.sort")) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  const key = (row, at) => {
    const cell = row.cells[at], given = cell.getAttribute("data-v");
    return given === null ? cell.textContent.trim().toLowerCase() : given === "" ? null : Number(given);
  };
  const compare = (a, b) => typeof a === "number" && typeof b === "number" ? a - b
    : String(a).localeCompare(String(b), "en", { numeric: true });
  heads.forEach((head, at) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const first = head.classList.contains("n") ? "descending" : "ascending";
      const other = first === "descending" ? "ascending" : "descending";
      const order = head.getAttribute("aria-sort") === first ? other : first;
      heads.forEach(one => one.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", order);
      const rows = [...body.rows].map(row => [key(row, at), row]);
      // What is not known stays at the end, whichever way it is sorted.
      rows.sort(([a], [b]) => a === null || b === null ? (a === null) - (b === null)
        : order === "descending" ? compare(b, a) : compare(a, b));
      body.append(...rows.map(([, row]) => row));
    });
  });
}
// What a link leads to is shown, not only reached.
const open = () => {
  const at = document.getElementById(location.hash.slice(1));
  if (at instanceof HTMLDetailsElement) at.open = true;
};
addEventListener("hashchange", open);
open();
