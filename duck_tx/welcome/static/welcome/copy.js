// A button on each command that copies it. Without it, or where a browser keeps the clipboard to itself, nothing is missing.
if (navigator.clipboard) {
  for (const block of document.querySelectorAll(".steps pre")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.setAttribute("aria-label", `Copy: ${block.innerText}`);
    const command = block.innerText;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(command);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1600);
    });
    block.append(button);
  }
}
