"use strict";
// The page can be read without this. With it: search and filters, buttons that copy, and commands with the address of this page.
(() => {
  const images = [...document.querySelectorAll("details.i")];
  const words = document.getElementById("words");
  const count = document.getElementById("count");
  const picks = [...document.querySelectorAll("select")];
  const base = document.documentElement.dataset.url || new URL(".", location.href).href;
  const place = /^https?:/.test(base) ? base : undefined;
  let texts;

  const filter = () => {
    const start = performance.now();
    texts ??= images.map((one) => one.firstElementChild.textContent.toLowerCase());
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    images.forEach((one, i) => {
      const fits =
        wanted.every((word) => texts[i].includes(word)) &&
        picks.every(({ value, dataset }) => value === "" || one.dataset[dataset.of] === value);
      if (one.hidden === fits) one.hidden = !fits;
      if (fits) shown++;
    });
    count.textContent = `${shown} of ${images.length} shown`;
    performance.measure("filter", { start });
  };

  /** A page behind plain http has no clipboard: a selection is copied instead. */
  const copied = async (text) => {
    if (navigator.clipboard) return await navigator.clipboard.writeText(text);
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  };

  const button = (code, what) => {
    const one = document.createElement("button");
    one.type = "button";
    one.textContent = "Copy";
    one.setAttribute("aria-label", `Copy ${what}`);
    one.addEventListener("click", async () => {
      await copied(code.textContent);
      one.focus();
      one.textContent = "Copied";
    });
    code.after(one);
  };
  const KINDS = [
    [/^curl /, "the command that downloads"],
    [/^incus launch /, "the command that launches"],
    [/^source = /, "the line of images.toml for"],
  ];
  const ready = new WeakSet();
  /** Buttons and addresses of what has just been opened: 5,000 images have none of them before. */
  const furnish = (one) => {
    if (ready.has(one)) return;
    ready.add(one);
    for (const code of one.querySelectorAll("code[data-copy]")) button(code, code.dataset.copy);
    for (const pre of one.querySelectorAll("pre")) {
      const text = place ? pre.textContent.replaceAll("https://MIRROR/", place) : pre.textContent;
      const name = pre.dataset.of;
      if (name === undefined) {
        pre.textContent = text;
        button(pre, pre.dataset.copy);
        continue;
      }
      const lines = text.split("\n").map((line) => {
        const own = document.createElement("pre");
        own.textContent = line;
        return own;
      });
      pre.replaceWith(...lines);
      for (const own of lines)
        button(own, `${KINDS.find(([kind]) => kind.test(own.textContent))?.[1] ?? "a line of"} ${name}`);
    }
  };
  document.addEventListener("toggle", ({ target }) => target.open && furnish(target), true);
  for (const one of document.querySelectorAll("details[open]")) furnish(one);

  const reveal = () => {
    const one = document.getElementById(location.hash.slice(1));
    if (!(one instanceof HTMLDetailsElement)) return;
    one.hidden = false;
    one.open = true;
    one.firstElementChild.focus();
  };
  addEventListener("hashchange", reveal);
  if (words) {
    words.addEventListener("input", filter);
    for (const pick of picks) pick.addEventListener("change", filter);
    if (words.value !== "" || picks.some(({ value }) => value !== "")) filter();
  }
  reveal();
  performance.mark("usable");
})();
