/* oxlint-disable no-unused-vars, no-undef -- the page that this is built into calls it and has the other parts */
/** The view of forecasts: a tray over whatever is open. Built into the node's page by tools/editor. */
function citystreamView(node, set) {
  /** How often what is shown is asked for, in ms. */
  var PAUSE = 5000;
  var url = "citystream/forecast-monitor/" + encodeURIComponent(node.id);
  var svg = citystreamSvg();
  var parts = {};
  var page = null;
  var chosen = {};
  var timer = null;
  var observer = null;
  var asked = 0;

  function word(key, values) {
    return node._(set + ".word." + key, values || {});
  }
  function whyNot(request) {
    var answer = request.responseJSON && request.responseJSON.error;
    if (request.status === 0) {
      return word("noAnswer");
    }
    if (request.status === 401 || request.status === 403) {
      return word("refused");
    }
    return answer === "notDeployed" || answer === "restoring"
      ? word(answer)
      : answer || request.status + " " + request.statusText;
  }
  function nameOf(series) {
    return series.target + " " + series.horizon;
  }
  function timeOf(ms) {
    return new Date(ms).toLocaleString(undefined, { hour12: false });
  }
  function modelOf() {
    var found = page.models.filter(function (one) {
      return one.model === chosen.model;
    })[0];
    return found || page.models[page.models.length - 1];
  }
  /** All that is kept of the chosen series, of every version of its model. */
  function pointsOf(model, name) {
    var byTime = {};
    var nominal = null;
    page.tracks.forEach(function (track) {
      track.series.forEach(function (series) {
        if (track.model === model.model && nameOf(series) === name) {
          nominal = series.nominal === null ? nominal : series.nominal;
          series.points.forEach(function (point) {
            byTime[point[0]] = point;
          });
        }
      });
    });
    var points = Object.keys(byTime)
      .map(Number)
      .sort(function (a, b) {
        return a - b;
      })
      .map(function (time) {
        return byTime[time];
      });
    return { points: points, nominal: nominal };
  }
  function options(box, values, value, shown) {
    var now = JSON.stringify(values);
    if (box.data("drawn") !== now) {
      box.data("drawn", now).empty();
      values.forEach(function (one) {
        $("<option>").val(one).text(shown(one)).appendTo(box);
      });
    }
    box.val(value);
  }
  function drawForecasts(model) {
    var kept = pointsOf(model, chosen.series);
    var points = kept.points;
    var banded = points.some(function (point) {
      return point[2] !== null;
    });
    parts.band
      .toggle(banded)
      .find("span")
      .last()
      .text(word("bandOf", { nominal: Math.round(100 * kept.nominal) }));
    parts.legend.toggle(points.length > 0);
    if (points.length === 0) {
      parts.line.empty().append($("<p>").text(word("noPoints")));
      return;
    }
    var true_ = points.filter(function (point) {
      return point[4] !== null;
    });
    var last = true_[true_.length - 1] || points[points.length - 1];
    var told = model.series.filter(function (one) {
      return nameOf(one) === chosen.series;
    })[0];
    citystreamLineChart(
      svg,
      parts.line,
      points,
      word("described", {
        count: points.length,
        target: told ? told.target : chosen.series,
        horizon: told ? told.horizon : "",
        from: timeOf(points[0][0]),
        to: timeOf(points[points.length - 1][0]),
        forecast: svg.number(last[1]),
        actual: svg.number(last[4]),
      }),
    );
  }
  function drawErrors(model) {
    var groups = [];
    model.series.forEach(function (series) {
      if (!series.figures) {
        return;
      }
      var group = groups.filter(function (one) {
        return one.target === series.target;
      })[0];
      if (!group) {
        group = { target: series.target, bars: [] };
        groups.push(group);
      }
      group.bars.push(series);
    });
    parts.errorLegend.toggle(groups.length > 0);
    if (groups.length === 0) {
      parts.bars.empty().append($("<p>").text(word("noScores")));
    } else {
      citystreamBarChart(svg, parts.bars, groups, {
        described: function (group) {
          var list = group.bars.map(function (bar) {
            var persistence = bar.figures.persistence;
            return (
              nameOf(bar) + " " + svg.number(bar.figures.rmse) + " / " + svg.number(persistence && persistence.rmse)
            );
          });
          return word("describedErrors", { list: list.join(", ") });
        },
      });
    }
    citystreamScoreTable(svg, parts.table, model, page, word);
  }
  function draw() {
    var there = page !== null && page.models.length > 0;
    parts.shown.toggle(there);
    if (!there) {
      parts.state.css("color", "").text(word("noForecasts"));
      return;
    }
    var model = modelOf();
    chosen.model = model.model;
    chosen.key = page.key;
    var names = model.series.map(nameOf);
    if (names.indexOf(chosen.series) < 0) {
      chosen.series = names[0];
    }
    options(
      parts.model,
      page.models.map(function (one) {
        return one.model;
      }),
      chosen.model,
      String,
    );
    options(parts.key, page.keys, page.key, function (key) {
      return key === "" ? word("noKey") : key;
    });
    options(parts.series, names, chosen.series, String);
    parts.model.parent().toggle(page.models.length > 1);
    parts.state.css("color", model.since === null ? "" : "var(--red-ui-text-color-error)").text(
      word(model.since === null ? "holding" : "drifting", {
        model: model.model,
        version: model.version,
        window: page.window,
        since: model.since === null ? "" : timeOf(model.since),
      }),
    );
    drawForecasts(model);
    drawErrors(model);
  }
  function ask() {
    var mine = ++asked;
    $.getJSON(url, chosen.key === undefined ? {} : { key: chosen.key })
      .done(function (answer) {
        if (mine === asked) {
          page = answer;
          draw();
        }
      })
      .fail(function (request) {
        if (mine === asked) {
          parts.state.css("color", "var(--red-ui-text-color-error)").text(whyNot(request));
        }
      });
  }
  function select(key, parent, changed) {
    var made = $("<select>").css({ width: "auto", "max-width": "100%", "margin-left": "6px" });
    $("<label>")
      .css({ width: "auto", margin: 0 })
      .append($("<span>").text(word(key)))
      .append(made)
      .appendTo(parent);
    return made.on("change", function () {
      changed(String(made.val()));
    });
  }
  function heading(key) {
    return $("<h4>").css({ margin: "14px 0 4px", "font-size": "1em" }).text(word(key));
  }
  /** A line or box as the picture draws it, with its name. */
  function sample(css, key) {
    return $("<span>")
      .css({ display: "inline-flex", "align-items": "center", gap: "5px" })
      .append($('<span aria-hidden="true">').css($.extend({ display: "inline-block", width: "22px" }, css)))
      .append($("<span>").text(word(key)));
  }
  function legend() {
    return $("<div>").css({ display: "flex", gap: "4px 16px", "flex-wrap": "wrap", margin: "2px 0" });
  }
  function build(body) {
    body.css({ padding: "10px", "overflow-y": "auto" }).addClass("citystream-forecasts");
    parts.state = $('<p role="status">').css({ margin: "0 0 8px", "overflow-wrap": "anywhere" }).appendTo(body);
    parts.shown = $("<div>").hide().appendTo(body);
    var tools = $("<div>").css({ display: "flex", gap: "6px 18px", "flex-wrap": "wrap" }).appendTo(parts.shown);
    parts.model = select("model", tools, function (value) {
      chosen.model = value;
      draw();
    });
    parts.key = select("key", tools, function (value) {
      chosen.key = value;
      ask();
    });
    parts.series = select("series", tools, function (value) {
      chosen.series = value;
      draw();
    });
    parts.legend = legend().css("margin-top", "10px").appendTo(parts.shown);
    parts.legend.append(sample({ "border-top": "2px solid " + svg.INK }, "actual"));
    parts.legend.append(sample({ "border-top": "2px dashed " + svg.FORECAST }, "forecast"));
    parts.band = sample({ height: "10px", background: svg.FORECAST, opacity: 0.3 }, "forecast").appendTo(parts.legend);
    parts.line = $('<div data-part="forecasts">').appendTo(parts.shown);
    heading("errors").appendTo(parts.shown);
    parts.errorLegend = legend().appendTo(parts.shown);
    parts.errorLegend.append(sample({ height: "10px", background: svg.FORECAST, opacity: 0.75 }, "rmse"));
    parts.errorLegend.append(sample({ height: "8px", border: "1px solid " + svg.INK }, "persistence"));
    parts.errorLegend.append(sample({ "border-top": "2px solid " + svg.INK }, "mae"));
    parts.bars = $('<div data-part="errors">')
      .css({ display: "flex", gap: "10px", "flex-wrap": "wrap" })
      .appendTo(parts.shown);
    parts.table = $('<div data-part="scores">')
      .css({ "overflow-x": "auto", "margin-top": "8px" })
      .appendTo(parts.shown);
    ask();
    timer = setInterval(ask, PAUSE);
    var width = body.width();
    observer = new ResizeObserver(function () {
      if (page !== null && body.width() !== width) {
        width = body.width();
        draw();
      }
    });
    observer.observe(body[0]);
  }

  RED.tray.show({
    title: RED.utils.sanitize(node.name || node._(set + ".label")),
    width: 820,
    buttons: [
      {
        id: "citystream-forecasts-close",
        text: word("close"),
        class: "primary",
        click: function () {
          RED.tray.close();
        },
      },
    ],
    open: function (tray) {
      build(tray.find(".red-ui-tray-body"));
    },
    close: function () {
      clearInterval(timer);
      observer.disconnect();
    },
    show: function () {},
  });
}
