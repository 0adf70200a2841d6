// Asks before danger, in the page's own dialog: <form hx-confirm="Delete record 7?" data-yes="Delete">.
// "{n}" in the question is the number of selected rows.
(() => {
  document.addEventListener("htmx:confirm", (event) => {
    const { question, elt, issueRequest } = event.detail;
    if (!question) return;
    event.preventDefault();
    const dialog = document.getElementById("confirm");
    const asked = event.detail.triggeringEvent?.submitter ?? elt;
    const count = document.querySelectorAll("[data-row]:checked").length;
    dialog.querySelector("p").textContent = question.replace("{n}", count.toLocaleString("en"));
    const yes = dialog.querySelector("[data-yes]");
    yes.textContent = asked.dataset?.yes ?? elt.dataset.yes ?? "Yes";
    yes.onclick = () => { dialog.close(); issueRequest(true); };
    dialog.querySelector("[data-no]").onclick = () => dialog.close();
    dialog.showModal();
  });
})();
