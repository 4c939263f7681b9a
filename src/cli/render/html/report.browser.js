"use strict";
// The page says all without this: here are the buttons, and details that are open on paper.
(() => {
  const all = () => [...document.querySelectorAll("details")];
  const tools = document.querySelector(".tools");
  if (tools) {
    tools.hidden = false;
    for (const button of tools.querySelectorAll("button"))
      button.addEventListener("click", () => {
        for (const one of all()) one.open = button.dataset.open === "yes";
      });
  }
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = all().filter((one) => !one.open);
    for (const one of closed) one.open = true;
  });
  addEventListener("afterprint", () => {
    for (const one of closed) one.open = false;
  });
  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target instanceof HTMLDetailsElement) {
      target.open = true;
      target.querySelector("summary").focus();
    }
  };
  addEventListener("hashchange", reveal);
  reveal();
})();
