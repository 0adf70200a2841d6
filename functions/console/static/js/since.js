// Counts up every second what is still going on: <span data-since="2026-11-24T03:00:00Z"> becomes 1 m 12 s.
(() => {
  function text(seconds) {
    if (seconds < 60) return `${seconds} s`;
    const minutes = Math.floor(seconds / 60);
    if (minutes < 60) return `${minutes} m ${seconds % 60} s`;
    return `${Math.floor(minutes / 60)} h ${minutes % 60} m`;
  }

  function count() {
    for (const element of document.querySelectorAll("[data-since]")) {
      const elapsed = text(Math.max(0, Math.floor((Date.now() - new Date(element.dataset.since)) / 1000)));
      if (element.textContent !== elapsed) element.textContent = elapsed;
    }
  }

  document.addEventListener("DOMContentLoaded", count);
  document.addEventListener("htmx:afterSettle", count);
  document.addEventListener("live:morphed", count);
  setInterval(count, 1000);
})();
