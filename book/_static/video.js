/* A video shows its still and a button; the controls, which would cover the picture, come when it plays. */
document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("div.video").forEach((frame) => {
    const video = frame.querySelector("video");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "▶ Play";
    button.setAttribute("aria-label", "Play the video");
    video.controls = false;
    button.addEventListener("click", () => {
      video.controls = true;
      button.remove();
      video.play();
      video.focus();
    });
    frame.append(button);
  });
});
