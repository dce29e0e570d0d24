/* oxlint-disable no-unused-vars -- the page that this is built into calls it */
/**
 * RMSE by target and horizon beside that of persistence, with MAE as a line across each bar. Each target has an axis of its
 * own, since targets have other units.
 *
 * @param groups `{ target, bars: [{ horizon, figures, failing }] }`
 */
function citystreamBarChart(svg, parent, groups, words) {
  var HEIGHT = 170;
  parent.empty();
  // All before any is drawn: they share the width.
  var canvases = groups.map(function (group) {
    var part = $("<div>").css({ flex: "1 1 220px", "min-width": 0 }).appendTo(parent);
    $("<div>").css({ "font-weight": "bold", "overflow-wrap": "anywhere" }).text(group.target).appendTo(part);
    return $("<div>").appendTo(part);
  });
  groups.forEach(function (group, place) {
    var canvas = canvases[place];
    var width = Math.max(200, Math.floor(canvas.width() || 260));
    var box = { left: 48, right: width - 6, top: 8, bottom: HEIGHT - 20 };
    var picture = svg.picture(canvas, width, HEIGHT, words.described(group));
    var high = 0;
    group.bars.forEach(function (bar) {
      var persistence = bar.figures.persistence;
      high = Math.max(high, bar.figures.rmse, persistence ? persistence.rmse : 0);
    });
    var y = svg.valueAxis(picture, box, 0, high * 1.05 || 1);
    var room = (box.right - box.left) / group.bars.length;
    var wide = Math.min(34, room * 0.32);
    function column(x, error, more) {
      svg.element(
        "rect",
        $.extend({ x: x, y: y(error.rmse), width: wide, height: Math.max(0, box.bottom - y(error.rmse)) }, more),
        picture,
      );
      svg.element(
        "line",
        { x1: x, x2: x + wide, y1: y(error.mae), y2: y(error.mae), stroke: svg.INK, "stroke-width": 2 },
        picture,
      );
    }
    group.bars.forEach(function (one, index) {
      var middle = box.left + room * (index + 0.5);
      column(middle - wide - 1, one.figures, { fill: svg.FORECAST, "fill-opacity": 0.75, "data-part": "rmse" });
      if (one.figures.persistence) {
        column(middle + 1, one.figures.persistence, {
          fill: svg.INK,
          "fill-opacity": 0.12,
          stroke: svg.INK,
          "data-part": "persistence",
        });
      }
      svg.text(picture, middle, HEIGHT - 5, one.failing ? one.horizon + " ⚠" : one.horizon, {
        "text-anchor": "middle",
      });
    });
  });
}
