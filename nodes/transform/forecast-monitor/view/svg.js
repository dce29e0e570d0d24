/* oxlint-disable no-unused-vars -- the page that this is built into calls it */
/** What both pictures draw with: elements of SVG, and axes with round numbers. Colours follow the editor's theme. */
function citystreamSvg() {
  var SPACE = "http://www.w3.org/2000/svg";
  var INK = "var(--red-ui-primary-text-color, #444)";
  var FORECAST = "var(--red-ui-text-color-link, #0088cc)";
  var FAINT = "var(--red-ui-secondary-border-color, #ccc)";

  function element(name, attributes, parent) {
    var made = document.createElementNS(SPACE, name);
    Object.keys(attributes).forEach(function (key) {
      made.setAttribute(key, String(attributes[key]));
    });
    if (parent) {
      parent.appendChild(made);
    }
    return made;
  }
  function text(parent, x, y, content, more) {
    var made = element("text", $.extend({ x: x, y: y, "font-size": 11, fill: INK }, more), parent);
    made.textContent = content;
    return made;
  }
  /** Round numbers from `low` to `high`, about `count` of them. */
  function ticks(low, high, count) {
    var raw = (high - low) / count || 1;
    var size = Math.pow(10, Math.floor(Math.log(raw) / Math.LN10));
    var step = [1, 2, 5, 10].filter(function (by) {
      return by * size >= raw * 0.999;
    })[0];
    step = (step || 10) * size;
    var found = [];
    for (var at = Math.ceil(low / step) * step; at <= high + step * 1e-9; at += step) {
      found.push(Number(at.toPrecision(12)));
    }
    return found;
  }
  function number(value) {
    return value === null || value === undefined ? "–" : Number(value.toPrecision(3)).toLocaleString();
  }

  return {
    INK: INK,
    FORECAST: FORECAST,
    FAINT: FAINT,
    element: element,
    text: text,
    ticks: ticks,
    number: number,
    /** An empty picture that screen readers name. */
    picture: function (parent, width, height, described) {
      var svg = element("svg", { viewBox: "0 0 " + width + " " + height, width: width, height: height, role: "img" });
      svg.style.display = "block";
      svg.style.maxWidth = "100%";
      element("title", {}, svg).textContent = described;
      svg.setAttribute("aria-label", described);
      parent.empty().append(svg);
      return svg;
    },
    /** A horizontal line with its number for each round value; gives a value's height. */
    valueAxis: function (svg, box, low, high) {
      function y(value) {
        return box.bottom - ((value - low) / (high - low || 1)) * (box.bottom - box.top);
      }
      ticks(low, high, 4).forEach(function (value) {
        element("line", { x1: box.left, x2: box.right, y1: y(value), y2: y(value), stroke: FAINT }, svg);
        text(svg, box.left - 6, y(value) + 4, number(value), { "text-anchor": "end" });
      });
      return y;
    },
  };
}
