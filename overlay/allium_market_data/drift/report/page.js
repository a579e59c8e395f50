// Filters by level. The address keeps them, together with the change that a link points at: #FINGERPRINT&show=breaking.docs
(() => {
  const form = document.getElementById("filter");
  const missing = document.getElementById("missing");
  if (!missing) return; // the page of a check that failed has no changes
  const boxes = form ? [...form.elements.show ?? []] : [];
  const changes = [...document.querySelectorAll(".change")];
  let target = "";

  const chosen = () => boxes.filter((box) => box.checked).map((box) => box.value);

  function apply() {
    const levels = chosen();
    for (const change of changes) change.hidden = form !== null && !levels.includes(change.dataset.level);
    const seen = changes.filter((change) => !change.hidden).length;
    if (form) {
      document.getElementById("shown").textContent =
        seen === changes.length ? "" : `${seen} of ${changes.length} changes shown`;
    }
  }

  function remember() {
    const levels = chosen();
    const parts = target ? [target] : [];
    if (levels.length < boxes.length) parts.push(`show=${levels.join(".")}`);
    const hash = parts.length ? `#${parts.join("&")}` : "";
    if (hash !== location.hash) history.replaceState(null, "", hash || location.href.split("#")[0]);
  }

  function follow(first) {
    const parts = location.hash.slice(1).split("&");
    const show = parts.find((part) => part.startsWith("show="));
    target = parts.find((part) => part && !part.includes("=")) ?? "";
    const element = target ? document.getElementById(target) : null;
    if (show !== undefined || (!target && !first)) {
      const levels = show === undefined ? null : show.slice(5).split(".");
      for (const box of boxes) box.checked = levels === null || levels.includes(box.value);
    }
    for (const box of boxes) if (element?.dataset.level === box.value) box.checked = true;
    apply();
    missing.hidden = element !== null || !/^[0-9a-f]{12}$/.test(target);
    missing.textContent = missing.hidden ? "" : `The change ${target} is not in this report: upstream has changed again since the link was made.`;
    for (const change of changes) change.classList.toggle("target", change === element);
    if (element) {
      element.scrollIntoView();
      element.focus({ preventScroll: true });
    }
    remember();
  }

  for (const box of boxes) box.checked = true;
  form?.removeAttribute("hidden");
  form?.addEventListener("change", () => {
    if (target && !chosen().includes(document.getElementById(target)?.dataset.level)) target = "";
    apply();
    remember();
  });
  form?.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", () => follow(false));
  follow(true);
})();
