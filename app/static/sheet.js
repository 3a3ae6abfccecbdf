// The facets on a narrow screen: the same column, in a sheet that a button opens.

/** As in style.css: from here on there is room for a column. */
const WIDE = matchMedia("(min-width: 64rem)");

/**
 * @param {HTMLDialogElement} sheet has a place for the column in `.sheet-body`
 * @param {HTMLElement} column
 * @param {HTMLButtonElement} button
 */
export function wire(sheet, column, button) {
  const home = column.parentElement;
  button.addEventListener("click", () => {
    sheet.querySelector(".sheet-body").append(column);
    sheet.showModal();
  });
  sheet.addEventListener("close", () => home.append(column));
  sheet.addEventListener("click", (event) => {
    if (event.target === sheet || event.target.closest("[data-close]")) sheet.close();
  });
  WIDE.addEventListener("change", () => sheet.close());
}
