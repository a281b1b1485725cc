// Says the values of a chart under the pointer, the finger or the arrow keys. Without it browsers show them as tips.
"use strict";
const chart = document.getElementById("chart");
const read = document.getElementById("read");
const areas = chart ? Array.from(chart.querySelectorAll(".area")) : [];
let chosen = -1;

function choose(index) {
  if (index < 0 || index >= areas.length) return;
  if (areas[chosen]) areas[chosen].classList.remove("chosen");
  chosen = index;
  areas[chosen].classList.add("chosen");
  read.textContent = areas[chosen].querySelector("title").textContent;
}

// What is missing has no area: the nearest one speaks.
function nearest(event) {
  const box = chart.querySelector(".plot svg").getBoundingClientRect();
  const x = ((event.clientX - box.left) / box.width) * 10000;
  const distance = (area) => Math.abs(area.x.baseVal.value + area.width.baseVal.value / 2 - x);
  return areas.reduce((best, area, index) => (distance(area) < distance(areas[best]) ? index : best), 0);
}

if (areas.length > 0) {
  for (const kind of ["pointermove", "pointerdown"]) chart.addEventListener(kind, (event) => choose(nearest(event)));
  chart.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: chosen - 1, ArrowRight: chosen + 1, Home: 0, End: areas.length - 1 };
    if (!(event.key in steps)) return;
    event.preventDefault();
    choose(chosen < 0 ? areas.length - 1 : Math.min(Math.max(steps[event.key], 0), areas.length - 1));
  });
}
