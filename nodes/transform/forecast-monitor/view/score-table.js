/* oxlint-disable no-unused-vars -- the page that this is built into calls it */
/** The scores as numbers, which the pictures can't say exactly. */
function citystreamScoreTable(svg, parent, model, page, word) {
  var COLUMNS = ["series", "rmse", "mae", "persistence", "skill", "bias", "coverage", "counted", "missed", "state"];
  function cell(tag, content, isText) {
    return $(tag)
      .css({ padding: "3px 8px", "text-align": isText ? "left" : "right", "white-space": isText ? "normal" : "nowrap" })
      .text(content);
  }
  function stateOf(series) {
    if (series.failing) {
      return word(series.failing === "skill" ? "worse" : series.failing);
    }
    return series.steps < page.least ? word("collecting", { steps: series.steps, least: page.least }) : word("good");
  }
  var table = $("<table>").css({ width: "100%", "border-collapse": "collapse", "font-size": "0.9em" });
  var head = $("<tr>").appendTo($("<thead>").appendTo(table));
  COLUMNS.forEach(function (key) {
    cell('<th scope="col">', word(key), key === "series" || key === "state").appendTo(head);
  });
  var body = $("<tbody>").appendTo(table);
  model.series.forEach(function (series) {
    var figures = series.figures || { count: 0, missed: 0 };
    var share = figures.coverage;
    var row = $("<tr>")
      .css("border-top", "1px solid " + svg.FAINT)
      .appendTo(body);
    cell('<th scope="row">', series.target + " " + series.horizon, true).appendTo(row);
    [
      svg.number(figures.rmse),
      svg.number(figures.mae),
      svg.number(figures.persistence && figures.persistence.rmse),
      figures.skill === null || figures.skill === undefined ? "–" : figures.skill.toFixed(2),
      svg.number(figures.bias),
      share === null || share === undefined
        ? "–"
        : Math.round(100 * share) + " % (" + Math.round(100 * figures.nominal) + " %)",
      figures.count.toLocaleString(),
      figures.missed.toLocaleString(),
    ].forEach(function (content) {
      cell("<td>", content).appendTo(row);
    });
    cell("<td>", stateOf(series), true)
      .css({ color: series.failing ? "var(--red-ui-text-color-error)" : "", "min-width": "90px" })
      .appendTo(row);
  });
  parent.empty().append(table);
}
