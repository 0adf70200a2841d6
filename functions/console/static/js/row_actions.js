// Actions in the rows of a list: form[data-in-place]. The answer takes the place of the buttons, so that scroll and
// focus stay; an answer that is a whole page is shown as one.
(() => {
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    if (!detail.requestConfig?.elt.matches?.("[data-in-place]")) return;
    if (!/<html[\s>]/.test(detail.serverResponse)) return;
    detail.target = document.body;
    detail.selectOverride = "unset";
    detail.swapOverride = "innerHTML";
  });
})();
