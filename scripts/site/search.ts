/** Whether a section has every word of a query, in any order and case. Runs in the page: it uses nothing from outside. */
export function hasWords(text: string, query: string): boolean {
  const within = text.toLowerCase();
  return query
    .toLowerCase()
    .split(/\s+/)
    .every((word) => within.includes(word));
}

/** The script of the page: hides what does not have the words. Without it the page is read and searched by the browser. */
export const script = `"use strict";
const hasWords = ${hasWords.toString()};
const box = document.querySelector("input");
const count = document.querySelector("output");
const sections = [...document.querySelectorAll("section")].map((node) => ({ node, text: node.textContent }));
const articles = [...document.querySelectorAll("article")];
function search() {
  const query = box.value.trim();
  let found = 0;
  for (const { node, text } of sections) {
    node.hidden = !hasWords(node.parentNode.dataset.title + " " + text, query);
    if (!node.hidden) found++;
  }
  for (const article of articles) article.hidden = !article.querySelector("section:not([hidden])");
  count.textContent = query === "" ? "" : found === 1 ? "1 section" : found + " sections";
}
box.parentNode.hidden = false;
box.addEventListener("input", search);
addEventListener("hashchange", () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target?.closest("[hidden]")) {
    box.value = "";
    search();
    target.scrollIntoView();
  }
});
addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== box) {
    event.preventDefault();
    box.focus();
  } else if (event.key === "Escape" && document.activeElement === box) {
    box.value = "";
    search();
  }
});
`;
