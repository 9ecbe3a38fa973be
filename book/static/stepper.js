/* A figure.stepper holds pictures and an ordered list of sentences. Here it becomes one picture, the
   last, with one sentence at a time: a part with data-from="3" data-until="5" is seen from step 3 on
   and before step 5, one with data-now="3 7" is looked at in steps 3 and 7. */
"use strict";

{
  const make = (tag, attributes, text = "") => {
    const node = Object.assign(document.createElement(tag), { textContent: text });
    Object.entries(attributes).forEach(([name, value]) => node.setAttribute(name, value));
    return node;
  };

  const animate = (figure) => {
    const sentences = [...figure.querySelectorAll("li")];
    const parts = [...figure.querySelectorAll("[data-from], [data-now]")];
    const last = sentences.length - 1;
    let step = 0;

    const where = make("p", { class: "where" });
    const said = make("p", { class: "said" });
    const told = make("div", { role: "status", "aria-live": "polite", "aria-atomic": "true" });
    told.append(where, said);

    const track = make("div", { class: "track", "aria-hidden": "true" });
    const phases = [...new Set(sentences.map((sentence) => sentence.dataset.phase))];
    sentences.forEach(({ dataset }) =>
      track.append(make("span", { class: `phase-${phases.indexOf(dataset.phase)}` })));

    const targets = {
      First: () => 0, Back: () => step - 1, Next: () => step + 1, Last: () => last,
    };
    const buttons = make("div", { class: "buttons", role: "group", "aria-label": "Steps" });
    Object.entries(targets).forEach(([name, target]) => {
      const button = make("button", { type: "button" }, name);
      button.addEventListener("click", () => {
        button.focus();
        show(target());
      });
      buttons.append(button);
    });

    const show = (wanted) => {
      step = Math.max(0, Math.min(last, wanted));
      for (const { classList, dataset } of parts) {
        const from = Number(dataset.from ?? 0);
        classList.toggle("gone", step < from || step >= Number(dataset.until ?? Infinity));
        classList.toggle("now", (dataset.now ?? dataset.from).split(" ").includes(String(step)));
      }
      [...track.children].forEach(({ classList }, i) => classList.toggle("done", i <= step));
      [...buttons.children].forEach((button, i) =>
        button.setAttribute("aria-disabled", String(step === (i < 2 ? 0 : last))));
      where.textContent = `${sentences[step].dataset.phase}, step ${step + 1} of ${last + 1}`;
      said.replaceChildren(...sentences[step].cloneNode(true).childNodes);
    };

    const keys = {
      ArrowLeft: "Back", ArrowUp: "Back", ArrowRight: "Next", ArrowDown: "Next",
      Home: "First", End: "Last",
    };
    figure.addEventListener("keydown", (event) => {
      if (!(event.key in keys) || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      show(targets[keys[event.key]]());
    });

    const panel = make("div", { class: "panel" });
    panel.append(told, track, buttons, make("p", { class: "keys" }, "Or use the arrow keys."));
    figure.querySelector(".pictures").append(panel);
    figure.classList.add("scripted");
    show(0);
  };

  document.querySelectorAll("figure.stepper").forEach(animate);
}
