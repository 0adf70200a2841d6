// On a phone the sidebar is a strip that scrolls: center the current page in it.
(() => {
  function center() {
    const sidebar = document.querySelector(".sidebar");
    const link = sidebar?.querySelector("[aria-current]");
    if (link && sidebar.scrollWidth > sidebar.clientWidth) sidebar.scrollLeft = link.offsetLeft - (sidebar.clientWidth - link.offsetWidth) / 2;
  }
  for (const event of ["DOMContentLoaded", "htmx:afterSettle"]) document.addEventListener(event, center);
})();
