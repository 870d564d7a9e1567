"use strict";
(() => {
  const table = document.getElementById("table");
  const controls = document.getElementById("controls");
  if (!table || !controls) return;
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const heads = Array.from(table.tHead.rows[0].cells);
  const words = heads.findIndex((head) => head.dataset.kind === "word");
  const text = (row, column) => row.cells[column].textContent;
  const lower = rows.map((row) => Array.from(row.cells, (cell) => cell.textContent).join("\n").toLowerCase());

  const labelled = (name, control) => {
    const label = document.createElement("label");
    label.append(name, control);
    controls.append(label);
    return control;
  };
  const search = labelled("Lines with this text", document.createElement("input"));
  search.type = "search";
  const choice = document.createElement("select");
  if (words >= 0) {
    const name = heads[words].textContent;
    choice.append(new Option("every " + name, ""));
    for (const word of new Set(rows.map((row) => text(row, words)))) choice.append(new Option(word, word));
    labelled("Only this " + name, choice);
  }
  const shown = document.createElement("output");
  shown.setAttribute("role", "status");
  controls.append(shown);

  const filter = () => {
    const wanted = search.value.trim().toLowerCase();
    let count = 0;
    rows.forEach((row, at) => {
      const fits = lower[at].includes(wanted) && (!choice.value || text(row, words) === choice.value);
      row.hidden = !fits;
      if (fits) count += 1;
    });
    shown.textContent = count.toLocaleString("en") + " of " + rows.length.toLocaleString("en") + " lines shown";
  };

  const compare = (column) => (one, other) => {
    const a = one.cells[column].dataset.key;
    const b = other.cells[column].dataset.key;
    if (a !== undefined || b !== undefined) return (a === undefined) - (b === undefined) || a - b;
    const s = text(one, column);
    const t = text(other, column);
    return (s === "") - (t === "") || (s < t ? -1 : Number(s > t));
  };
  const sort = (column) => {
    const falls = heads[column].getAttribute("aria-sort") === "ascending";
    heads.forEach((head) => head.removeAttribute("aria-sort"));
    heads[column].setAttribute("aria-sort", falls ? "descending" : "ascending");
    const order = compare(column);
    const sorted = rows.slice().sort((one, other) => (falls ? order(other, one) : order(one, other)));
    body.append(...sorted);
  };
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(column));
    head.append(button);
  });

  search.addEventListener("input", filter);
  choice.addEventListener("change", filter);
  controls.hidden = false;
  filter();
})();
