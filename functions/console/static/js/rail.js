// On a phone the rail is a strip that scrolls: bring the present page into sight.
(() => {
  function center() {
    const rail = document.querySelector(".rail");
    const link = rail?.querySelector("[aria-current]");
    if (link && rail.scrollWidth > rail.clientWidth) rail.scrollLeft = link.offsetLeft - (rail.clientWidth - link.offsetWidth) / 2;
  }
  for (const event of ["DOMContentLoaded", "htmx:afterSettle"]) document.addEventListener(event, center);
})();
