// Files dragged over the page or pasted into it.

const hasFiles = (event) => event.dataTransfer?.types.includes("Files");

/**
 * @param {HTMLElement} veil lies over the page while a file is dragged
 * @param {(files: FileList | undefined) => void} onFiles
 */
export function wire(veil, onFiles) {
  addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    veil.hidden = false;
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) veil.hidden = true;
  });
  addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    veil.hidden = true;
    onFiles(event.dataTransfer.files);
  });
  addEventListener("paste", (event) => onFiles(event.clipboardData?.files));
}
