/* Search results quote the prose of pages: no raw LaTeX, no code, no buttons, no lists of contents. */
document.addEventListener("DOMContentLoaded", () => {
  if (typeof Search === "undefined") return;
  const toText = Search.htmlToText;
  const unwanted = ".header-article, #jb-print-docs-body, .print-contents, div.cell_input, details, .headerlink, .math, nav";
  Search.htmlToText = (html, anchor) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    page.querySelectorAll(unwanted).forEach((element) => {
      if (element.matches(".math")) element.textContent = "…";
      else element.remove();
    });
    return toText(page.documentElement.outerHTML, anchor);
  };
});
