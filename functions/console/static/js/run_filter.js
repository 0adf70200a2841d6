// Leaves the empty fields of a filter out of the address.
document.addEventListener("htmx:configRequest", ({ detail }) => {
  if (!detail.elt.matches?.("form[data-filter]")) return;
  for (const name of new Set([...detail.formData.keys()])) {
    const bare = /_(offset|at)$/.test(name) && !detail.formData.get(name.replace(/_(offset|at)$/, ""));
    if (!detail.formData.get(name) || bare) detail.formData.delete(name);
  }
});
