// Banners below the top bar: what is not up to date, could not be opened, or had no answer.
const Notices = (() => {
  function button(label, act) {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = label;
    made.addEventListener("click", act);
    return made;
  }

  function link(label, href) {
    const made = document.createElement("a");
    made.href = href;
    made.textContent = label;
    return made;
  }

  // Says `text` in the banner, which is hidden without one. The same text is not said, and so not read out, twice.
  function say(id, text, ...controls) {
    const banner = document.getElementById(id);
    if (!banner || banner.dataset.said === text) return;
    banner.dataset.said = text;
    banner.hidden = !text;
    const words = document.createElement("span");
    words.textContent = text;
    banner.replaceChildren(...(text ? [words, ...controls] : []));
    if (text) htmx.process(banner);
  }

  // Focus is then where reading goes on, not nowhere.
  function dismiss(element) {
    element.remove();
    document.getElementById("main")?.focus({ preventScroll: true });
  }

  document.addEventListener("click", ({ target }) => {
    if (target.closest?.("[data-dismiss]")) dismiss(target.closest(".flash, .said p"));
  });
  return { button, link, say };
})();
