// "Download all parts": fetches one part after the other, each by the Link header of the one before.
(() => {
  const nextOf = (answer) => answer.headers.get("Link")?.match(/^<([^>]*)>; rel="next"$/)?.[1];
  const nameOf = (answer) => answer.headers.get("Content-Disposition").match(/filename="([^"]*)"/)[1];

  async function save(answer) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await answer.blob());
    link.download = nameOf(answer);
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  }

  async function downloadAll(button) {
    const status = document.querySelector("[data-csv-status]");
    let part = 0;
    button.disabled = true;
    try {
      for (let address = button.dataset.csv; address && button.isConnected; part += 1) {
        status.textContent = `Part ${part + 1} is being prepared…`;
        const answer = await fetch(address);
        if (!answer.ok) throw new Error(`status ${answer.status}`);
        await save(answer);
        address = nextOf(answer);
      }
      status.textContent = `All ${part} parts were downloaded.`;
    } catch {
      status.textContent = `The download stopped at part ${part + 1}. Try again.`;
      button.disabled = false;
    }
  }

  document.addEventListener("click", ({ target }) => {
    const button = target.closest?.("[data-csv]");
    if (button) downloadAll(button);
  });
})();
