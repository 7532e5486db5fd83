(() => {
  "use strict";
  const { columns, rows } = JSON.parse(document.getElementById("rows").textContent);
  const body = document.querySelector("#table tbody");
  const heads = [...document.querySelectorAll("#table thead th")];
  const search = document.getElementById("search");
  const status = document.getElementById("status");
  const more = document.getElementById("more");
  const STEP = 200;
  const units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
  const bytes = (value) => {
    let unit = 0;
    while (value >= 1000 && unit < units.length - 1) { value /= 1000; unit += 1; }
    return (unit ? value.toFixed(1) : value) + " " + units[unit];
  };
  const amount = (value) => {
    if (value === 0) return "0.00";
    if (value < 1e5) return value < 50 ? "<0.0001" : (value / 1e6).toFixed(4);
    return (value / 1e6).toFixed(2).replace(/\B(?=(\d{3})+\.)/g, ",");
  };
  const money = (value) => (value === null ? "not known" : Array.isArray(value) ? "over " + amount(value[0]) : amount(value));
  const shown = { s: String, n: String, d: String, b: bytes, m: money };
  const names = rows.map((row) => row[0].toLowerCase());
  const sort = { column: columns.findIndex((column) => column.sorted), down: true };
  let limit = STEP;

  const order_of = (value) => (value === null ? -1 : Array.isArray(value) ? value[0] : value);
  const compare = (a, b) => {
    const [left, right] = [rows[a][sort.column], rows[b][sort.column]].map(order_of);
    const order = typeof left === "string" ? (left < right ? -1 : left > right ? 1 : 0) : left - right;
    return (sort.down ? -order : order) || a - b;
  };
  const draw = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = rows.map((_, at) => at).filter((at) => words.every((word) => names[at].includes(word)));
    found.sort(compare);
    body.replaceChildren(...found.slice(0, limit).map((at) => {
      const line = document.createElement("tr");
      line.append(...rows[at].map((value, column) => {
        const cell = document.createElement(column ? "td" : "th");
        if (!column) cell.scope = "row";
        cell.textContent = shown[columns[column].kind](value);
        return cell;
      }));
      return line;
    }));
    const drawn = Math.min(limit, found.length);
    const shown_of = drawn < found.length ? `, the first ${drawn} shown` : "";
    status.textContent = (words.length ? `${found.length} of ${rows.length} rows` : `${rows.length} rows`) + shown_of;
    more.hidden = drawn === found.length;
    heads.forEach((head, column) => {
      head.setAttribute("aria-sort", column !== sort.column ? "none" : sort.down ? "descending" : "ascending");
    });
  };

  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    sort.down = column === sort.column ? !sort.down : !"sd".includes(columns[column].kind);
    sort.column = column;
    draw();
  }));
  search.addEventListener("input", () => { limit = STEP; draw(); });
  more.addEventListener("click", () => { limit = Infinity; draw(); });
  document.getElementById("controls").hidden = false;
  draw();
})();
