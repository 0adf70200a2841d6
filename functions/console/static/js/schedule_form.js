// The form of a schedule: what it means and its next times follow what is typed, buttons fill in what is usual, and
// another job has other fields. The server reads expressions; there is no second parser here.
(() => {
  const DELAY_MS = 300;
  const TIMING = /^schedule-(expression|time_zone|starts_at|ends_at)/;
  let timer = null;
  let asked = 0;

  async function refresh(form) {
    asked += 1;
    const number = asked;
    const query = new URLSearchParams([...new FormData(form)].filter(([name]) => TIMING.test(name)));
    const place = form.querySelector("[data-times]");
    let text = "<p class='muted'>The server does not answer, so the next times are not known.</p>";
    try {
      const answer = await fetch(`/dashboard/schedule-times?${query}`);
      if (answer.ok) text = await answer.text();
    } catch { /* said in the text */ }
    if (number !== asked || !place.isConnected) return;
    place.innerHTML = text;
    document.dispatchEvent(new CustomEvent("live:morphed")); // the times in the viewer's zone
  }

  function fill(button) {
    const input = document.getElementById(button.dataset.fill);
    input.value = button.value;
    input.dispatchEvent(new Event("input", { bubbles: true }));
    input.focus();
  }

  function prepare() {
    const form = document.querySelector("form[data-schedule]");
    if (!form) return;
    form.querySelector("[data-show-job]").hidden = true;
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const mine = form.querySelector("[data-my-zone]");
    mine.value = zone;
    mine.textContent = `${zone} (yours)`;
    mine.hidden = zone === "UTC";
  }

  document.addEventListener("input", ({ target }) => {
    if (!target.matches?.("form[data-schedule] input") || !TIMING.test(target.name)) return;
    clearTimeout(timer);
    timer = setTimeout(() => refresh(target.form), DELAY_MS);
  });
  document.addEventListener("change", ({ target }) => {
    if (target.matches?.("#schedule-job")) target.form.querySelector("[data-show-job]").click();
  });
  document.addEventListener("click", ({ target }) => {
    const button = target.closest?.("[data-fill]");
    if (button) fill(button);
  });
  for (const event of ["DOMContentLoaded", "htmx:afterSettle"]) document.addEventListener(event, prepare);
})();
