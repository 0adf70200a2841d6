// Asks for confirmation in a dialog: <form hx-confirm="Delete record 7?" data-yes="Delete">.
(() => {
  document.addEventListener("htmx:confirm", (event) => {
    const { question, elt, issueRequest } = event.detail;
    if (!question) return;
    event.preventDefault();
    const dialog = document.getElementById("confirm");
    const button = event.detail.triggeringEvent?.submitter ?? elt;
    dialog.querySelector("p").textContent = question;
    const yes = dialog.querySelector("[data-yes]");
    yes.textContent = button.dataset?.yes ?? elt.dataset.yes ?? "Yes";
    yes.onclick = () => { dialog.close(); issueRequest(true); };
    dialog.querySelector("[data-no]").onclick = () => dialog.close();
    dialog.showModal();
  });
})();
