/* Search results quote pages; formulas in them would show as raw LaTeX. */
document.addEventListener("DOMContentLoaded", () => {
  if (typeof Search === "undefined") return;
  const toText = Search.htmlToText;
  const formula = /<(span|div) class="math[^>]*>[^]*?<\/\1>/g;
  Search.htmlToText = (html, anchor) => toText(html.replace(formula, "…"), anchor);
});
