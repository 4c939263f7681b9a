"use strict";
// The page can be read without this. With it: search and filters, buttons that copy, and commands with the address of this page.
(() => {
  const images = [...document.querySelectorAll("details.i")];
  const search = document.querySelector('[role="search"]');
  const words = document.getElementById("words");
  const count = document.getElementById("count");
  const picks = [...document.querySelectorAll("select")];
  const base = document.documentElement.dataset.url || new URL(".", location.href).href;
  const place = /^https?:/.test(base) ? base : undefined;
  let texts;

  const filter = () => {
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
    performance.mark("filtered");
  };

  const copied = async (text) => {
    if (navigator.clipboard) return await navigator.clipboard.writeText(text);
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  };

  const ready = new WeakSet();
  /** Buttons and addresses of what has just been opened: 5,000 images have none of them before. */
  const furnish = (one) => {
    if (ready.has(one)) return;
    ready.add(one);
    for (const code of one.querySelectorAll("[data-copy]")) {
      if (place) code.textContent = code.textContent.replaceAll("https://MIRROR/", place);
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = "Copy";
      button.setAttribute("aria-label", `Copy ${code.dataset.copy}`);
      button.addEventListener("click", async () => {
        await copied(code.textContent);
        button.textContent = "Copied";
      });
      code.after(button);
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
    search.hidden = false;
    words.addEventListener("input", filter);
    for (const pick of picks) pick.addEventListener("change", filter);
    if (words.value !== "" || picks.some(({ value }) => value !== "")) filter();
  }
  reveal();
  performance.mark("usable");
})();
