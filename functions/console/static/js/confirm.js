// Asks for confirmation in a dialog: <form hx-confirm="Delete record 7?" data-yes="Delete">. It is red if the button is.
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
    const isDestructive = button.matches(".danger") || Boolean(elt.querySelector?.("button.danger:only-of-type"));
    yes.className = isDestructive ? "danger" : "primary";
    dialog.classList.toggle("destructive", isDestructive);
    yes.onclick = () => { dialog.close(); issueRequest(true); };
    dialog.querySelector("[data-no]").onclick = () => dialog.close();
    dialog.showModal();
  });
})();
