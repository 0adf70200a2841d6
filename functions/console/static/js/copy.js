// Buttons that copy: data-copy has the text, data-copy-from the id of an element whose code is copied, folded or not.
(() => {
  const SHOWN_MS = 2000;

  function textOf(button) {
    if (!button.hasAttribute("data-copy-from")) return button.dataset.copy;
    const source = document.getElementById(button.dataset.copyFrom);
    const parts = source.matches("pre") ? [source] : [...source.querySelectorAll("pre")];
    return parts.map((part) => part.textContent).join("");
  }

  const announce = (text) => { document.getElementById("announcer").textContent = text; };

  function say(button, text) {
    announce(text);
    button.textContent = text;
    setTimeout(() => {
      button.textContent = "Copy";
      announce("");
    }, SHOWN_MS);
  }

  async function copy(button) {
    try {
      await navigator.clipboard.writeText(textOf(button));
      say(button, "Copied");
    } catch {
      say(button, "Not copied");
    }
  }

  document.addEventListener("click", ({ target }) => {
    const button = target.closest?.("button.copy");
    if (button) copy(button);
  });
})();
