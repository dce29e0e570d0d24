/* oxlint-disable no-unused-vars -- the page that this is built into calls it */
/**
 * Forecasts with their band beside what came true, over the time that they are of.
 *
 * @param points `[time, forecast, lower, upper, actual]`, rising; null where there is none
 */
function citystreamLineChart(svg, parent, points, described) {
  var HEIGHT = 240;
  var width = Math.max(260, Math.floor(parent.width() || 600));
  var box = { left: 48, right: width - 10, top: 10, bottom: HEIGHT - 26 };
  var picture = svg.picture(parent, width, HEIGHT, described);
  var values = [];
  points.forEach(function (point) {
    point.slice(1).forEach(function (value) {
      if (value !== null) {
        values.push(value);
      }
    });
  });
  var low = Math.min.apply(null, values);
  var high = Math.max.apply(null, values);
  // What is never negative and comes near 0 is shown from 0.
  low = low >= 0 && low < 0.6 * high ? 0 : low - 0.05 * (high - low || 1);
  high += 0.05 * (high - low || 1);
  var y = svg.valueAxis(picture, box, low, high);
  var first = points[0][0];
  var last = points[points.length - 1][0];
  function x(time) {
    return last === first
      ? (box.left + box.right) / 2
      : box.left + ((time - first) / (last - first)) * (box.right - box.left);
  }
  function times() {
    var count = Math.max(1, Math.min(5, Math.floor((box.right - box.left) / 110)));
    var day = last - first > 36e5 * 20;
    for (var i = 0; i <= count; i++) {
      var time = new Date(first + ((last - first) * i) / count);
      var shown = day
        ? time.toLocaleDateString(undefined, { month: "numeric", day: "numeric" }) +
          " " +
          time.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", hour12: false })
        : time.toLocaleTimeString(undefined, { hour12: false });
      svg.text(picture, x(time.getTime()), HEIGHT - 8, shown, {
        "text-anchor": i === 0 ? "start" : i === count ? "end" : "middle",
      });
      if (last === first) {
        return;
      }
    }
  }
  /** Lines through what is there, apart where something is missing. */
  function path(column) {
    var drawn = "";
    var on = false;
    points.forEach(function (point) {
      if (point[column] === null) {
        on = false;
        return;
      }
      drawn += (on ? "L" : "M") + x(point[0]).toFixed(1) + " " + y(point[column]).toFixed(1);
      on = true;
    });
    return drawn;
  }
  function band() {
    var run = [];
    function draw() {
      if (run.length) {
        var upper = run.map(function (point) {
          return x(point[0]).toFixed(1) + "," + y(point[3]).toFixed(1);
        });
        var lower = run.map(function (point) {
          return x(point[0]).toFixed(1) + "," + y(point[2]).toFixed(1);
        });
        svg.element(
          "polygon",
          {
            points: upper.concat(lower.reverse()).join(" "),
            fill: svg.FORECAST,
            "fill-opacity": 0.2,
            "data-part": "band",
          },
          picture,
        );
      }
      run = [];
    }
    points.forEach(function (point) {
      if (point[2] === null || point[3] === null) {
        draw();
      } else {
        run.push(point);
      }
    });
    draw();
  }

  times();
  band();
  svg.element(
    "path",
    { d: path(4), fill: "none", stroke: svg.INK, "stroke-width": 2, "stroke-linejoin": "round", "data-part": "actual" },
    picture,
  );
  svg.element(
    "path",
    {
      d: path(1),
      fill: "none",
      stroke: svg.FORECAST,
      "stroke-width": 2,
      "stroke-dasharray": "5 3",
      "stroke-linejoin": "round",
      "data-part": "forecast",
    },
    picture,
  );
  points.forEach(function (point) {
    if (point[4] !== null) {
      svg.element("circle", { cx: x(point[0]).toFixed(1), cy: y(point[4]).toFixed(1), r: 2, fill: svg.INK }, picture);
    }
  });
}
