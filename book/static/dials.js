/* A figure.dials has a form, a picture, tables, and in JSON for the values of the form's controls, as
   "0 5 0", what the picture shows: the moves of a path, and a sentence on it. */
"use strict";

{
  const points = (moves) => {
    const numbers = moves.match(/-?\d+/g).map(Number);
    let [x, y] = [0, 0];
    return Array.from({ length: numbers.length / 2 }, (_, i) =>
      `${(x += numbers[2 * i])} ${(y += numbers[2 * i + 1])}`);
  };

  const bring = (figure) => {
    const paths = JSON.parse(figure.querySelector("script").textContent);
    const form = figure.querySelector("form");
    const ranges = [...form.querySelectorAll("[type=range]")];
    const cells = [...figure.querySelectorAll("[data-key]")];
    const draw = (part, name, value) =>
      figure.querySelector(`.moving .${part}`).setAttribute(name, value);

    const show = () => {
      const key = [...new FormData(form).values()].join(" ");
      const [moves, said] = paths[key];
      const places = points(moves);
      draw("line", "d", `M${places.join("L")}`);
      draw("dots", "d", places.map((place) => `M${place}h0`).join(""));
      draw("end", "d", `M${places.at(-1)}m-9-9h18v18h-18Z`);
      figure.querySelector(".said").textContent = said;
      for (const range of ranges) {
        const value = range.dataset.values.split(" ")[range.value];
        range.setAttribute("aria-valuetext", value);
        range.closest("label").querySelector("b").textContent = value;
      }
      for (const cell of cells) cell.classList.toggle("now", cell.dataset.key === key);
      for (const table of figure.querySelectorAll("table"))
        table.classList.toggle("other", !table.querySelector(".now"));
    };

    form.addEventListener("input", show);
    form.addEventListener("submit", (event) => event.preventDefault());
    cells.forEach((cell) => cell.addEventListener("click", () => {
      const controls = [form.querySelectorAll("[type=radio]"), ...ranges];
      cell.dataset.key.split(" ").forEach((value, i) => {
        if (i) controls[i].value = value;
        else controls[i][value].checked = true;
      });
      show();
    }));
    figure.classList.add("scripted");
    show();
  };

  document.querySelectorAll("figure.dials").forEach(bring);
}
