// Tables: sort by a column, keep the rows that hold a word, copy as text, Markdown, LaTeX or CSV.
(() => {
  const said = document.getElementById("said");
  const FEWEST_TO_FILTER = 8;
  const text = (cell) => {
    const copy = cell.cloneNode(true);
    copy.querySelectorAll(".short, .tools, summary").forEach((part) => part.remove());
    return copy.textContent.replace(/\s+/g, " ").trim();
  };
  // "−0.78 (−1.18 to −0.36)", "< 0.001", "P(higher) 0.02", "2/19 against 3/18"
  const number = (words) => {
    const found = words.replace(/−/g, "-").replace(/(\d),(?=\d{3})/g, "$1").match(/([<>≤≥])?\s*(-?\d*\.?\d+(?:e-?\d+)?)/i);
    if (!found) return null;
    const nudge = found[1] && "<≤".includes(found[1]) ? -1e-9 : found[1] ? 1e-9 : 0;
    return parseFloat(found[2]) + nudge;
  };
  const compare = (a, b) => {
    if (!a || a === "–" || !b || b === "–") return (!a || a === "–") - (!b || b === "–");
    const x = number(a), y = number(b);
    return x !== null && y !== null && x !== y ? x - y : a.localeCompare(b);
  };

  // every row of a table as texts, with spans filled in, so that columns line up
  const grid = (table) => {
    const rows = [], waiting = [];
    for (const row of table.rows) {
      if (row.hidden) continue;
      const own = [];
      let column = 0;
      const fill = () => { while (waiting[column] > 0) { waiting[column] -= 1; own[column++] = ""; } };
      for (const cell of row.cells) {
        fill();
        const words = text(cell), wide = cell.colSpan, group = row.classList.contains("domain");
        for (let k = 0; k < wide; k++) {
          own[column] = k && group ? "" : words;
          if (cell.rowSpan > 1) waiting[column] = cell.rowSpan - 1;
          column += 1;
        }
      }
      fill();
      rows.push({ cells: own, head: row.parentElement.tagName === "THEAD" });
    }
    const heads = rows.filter((row) => row.head).map((row) => row.cells), width = Math.max(...rows.map((row) => row.cells.length));
    const title = Array.from({ length: width }, (_, k) => [...new Set(heads.map((row) => row[k]).filter(Boolean))].join(": "));
    const body = rows.filter((row) => !row.head).map((row) => Array.from({ length: width }, (_, k) => row.cells[k] ?? ""));
    return [title, ...body];
  };
  const LATEX = { "\\": "\\textbackslash{}", "&": "\\&", "%": "\\%", "$": "\\$", "#": "\\#", "_": "\\_", "{": "\\{", "}": "\\}",
    "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "−": "$-$", "<": "$<$", ">": "$>$", "±": "$\\pm$", "≤": "$\\le$", "≥": "$\\ge$",
    "×": "$\\times$", "ρ": "$\\rho$", "√": "$\\surd$", "χ": "$\\chi$", "²": "$^2$", "³": "$^3$", "⁹": "$^9$", "–": "--", "“": "``", "”": "''", "’": "'", "\u00a0": "~" };
  const latex = (cell) => [...cell].map((letter) => LATEX[letter] ?? letter).join("");
  const forms = {
    text: (rows) => rows.map((row) => row.join("\t")).join("\n"),
    Markdown: (rows) => {
      const line = (row) => "| " + row.map((cell) => cell.replace(/\\/g, "\\\\").replace(/\|/g, "\\|").replace(/\*/g, "\\*")).join(" | ") + " |";
      return [line(rows[0]), line(rows[0].map(() => "---")), ...rows.slice(1).map(line)].join("\n");
    },
    LaTeX: (rows) => {
      const line = (row) => row.map(latex).join(" & ") + " \\\\";
      return ["\\begin{tabular}{" + "l".repeat(rows[0].length) + "}", "\\hline", line(rows[0]), "\\hline", ...rows.slice(1).map(line), "\\hline", "\\end{tabular}"].join("\n");
    },
    CSV: (rows) => rows.map((row) => row.map((cell) => /[",\n]/.test(cell) ? `"${cell.replace(/"/g, '""')}"` : cell).join(",")).join("\n"),
  };
  const copy = async (words) => {
    try { await navigator.clipboard.writeText(words); } catch {
      const area = document.createElement("textarea");
      area.value = words;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
  };

  const dress = (table) => {
    const body = table.tBodies[0], head = table.tHead;
    if (!body || !head) return;
    const original = [...body.rows], together = table.tBodies.length > 1 || table.querySelector("tbody [rowspan]");
    const name = table.caption ? text(table.caption) : table.getAttribute("aria-label") ?? "table";
    const tools = document.createElement("div");
    tools.className = "tools";
    const rows = original.filter((row) => !row.classList.contains("domain"));
    if (rows.length >= FEWEST_TO_FILTER && !together) {
      const box = document.createElement("input");
      box.type = "search";
      box.placeholder = "Filter rows";
      box.setAttribute("aria-label", `Filter rows: ${name}`);
      box.addEventListener("input", () => {
        const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
        let shown = 0;
        for (const row of rows) {
          const own = row.textContent.toLowerCase();
          row.hidden = !words.every((word) => own.includes(word));
          shown += !row.hidden;
        }
        for (const row of original) {
          if (!row.classList.contains("domain")) continue;
          let next = original[original.indexOf(row) + 1], any = false;
          for (let k = original.indexOf(row) + 1; k < original.length && !original[k].classList.contains("domain"); k++) any ||= !original[k].hidden;
          row.hidden = !any || row.dataset.apart === "yes";
        }
        said.textContent = `${shown} of ${rows.length} rows`;
      });
      tools.append(box);
    }
    tools.append("copy as");
    for (const [form, write] of Object.entries(forms)) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = form;
      button.setAttribute("aria-label", `Copy as ${form}: ${name}`);
      button.addEventListener("click", async () => {
        await copy(write(grid(table)));
        said.textContent = `Copied as ${form}`;
        button.textContent = "copied";
        setTimeout(() => { button.textContent = form; }, 1200);
      });
      tools.append(button);
    }
    (table.closest(".scroll") ?? table).before(tools);

    // rows that belong together stay together
    if (rows.length < 2 || together) return;
    const last = head.rows[head.rows.length - 1], columns = [];
    // which column of the body each heading stands over
    const taken = [];
    [...head.rows].forEach((row, level) => {
      let column = 0;
      for (const cell of row.cells) {
        while (taken[level]?.[column]) column += 1;
        for (let down = 0; down < cell.rowSpan; down++) for (let k = 0; k < cell.colSpan; k++) (taken[level + down] ??= [])[column + k] = true;
        if (cell.colSpan === 1 && (row === last || level + cell.rowSpan === head.rows.length)) columns.push([cell, column]);
        column += cell.colSpan;
      }
    });
    for (const [cell, column] of columns) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...cell.childNodes);
      button.title = "Sort";
      cell.append(button);
      button.addEventListener("click", () => {
        const next = { none: "ascending", ascending: "descending", descending: "none" }[cell.getAttribute("aria-sort") ?? "none"];
        for (const [other] of columns) other.removeAttribute("aria-sort");
        if (next !== "none") cell.setAttribute("aria-sort", next);
        const told = new Map(rows.map((row) => [row, text(row.cells[column])]));
        const order = next === "none" ? original : [...rows].sort((a, b) => {
          const x = told.get(a), y = told.get(b);
          const empty = (words) => !words || words === "–";
          return empty(x) || empty(y) || next === "ascending" ? compare(x, y) : compare(y, x);
        });
        for (const row of original) if (row.classList.contains("domain")) {
          row.dataset.apart = next === "none" ? "no" : "yes";
          row.hidden = next !== "none";
        }
        body.append(...order);
        said.textContent = next === "none" ? "In the original order" : `Sorted, ${next}`;
      });
    }
  };
  document.querySelectorAll(".content table").forEach(dress);
})();
