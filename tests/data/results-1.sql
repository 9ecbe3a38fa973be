BEGIN TRANSACTION;
CREATE TABLE mugrade_attempts (
	id INTEGER NOT NULL, 
	student VARCHAR NOT NULL, 
	stage VARCHAR NOT NULL, 
	number INTEGER NOT NULL, 
	fingerprint VARCHAR NOT NULL, 
	status VARCHAR NOT NULL, 
	reason VARCHAR NOT NULL, 
	summary VARCHAR NOT NULL, 
	points INTEGER NOT NULL, 
	max_points INTEGER NOT NULL, 
	tier VARCHAR NOT NULL, 
	graded_at DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (student, stage, number)
);
INSERT INTO "mugrade_attempts" VALUES(1,'ada','00_mean',1,'a1','graded','','',4,4,'strong','2026-11-28 17:51:18.446555');
INSERT INTO "mugrade_attempts" VALUES(2,'bob','00_mean',1,'b1','graded','','mean: the value is wrong',0,4,'strong','2026-11-28 17:51:18.482878');
INSERT INTO "mugrade_attempts" VALUES(3,'bob','00_mean',2,'b2','graded','','mean: the value is wrong',2,4,'strong','2026-11-28 17:51:18.492729');
INSERT INTO "mugrade_attempts" VALUES(4,'carl','00_mean',1,'c1','missing','no notebook was handed in','missing: no notebook was handed in',0,4,'','2026-11-28 17:51:18.499489');
INSERT INTO "mugrade_attempts" VALUES(5,'carl','00_mean',2,'c2','missing','no 00_mean.ipynb, but x.ipynb','missing: no 00_mean.ipynb, but x.ipynb',0,4,'','2026-11-28 17:51:18.507222');
INSERT INTO "mugrade_attempts" VALUES(6,'dora','00_mean',1,'d1','unreadable','it has no cells','unreadable: it has no cells',0,4,'','2026-11-28 17:51:18.519922');
INSERT INTO "mugrade_attempts" VALUES(7,'ada','00_mean',2,'a2','missing','no notebook was handed in','missing: no notebook was handed in',0,4,'','2026-11-28 17:51:18.528029');
CREATE TABLE mugrade_checks (
	id INTEGER NOT NULL, 
	attempt_id INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	"check" VARCHAR NOT NULL, 
	exercise VARCHAR NOT NULL, 
	why VARCHAR NOT NULL, 
	category VARCHAR NOT NULL, 
	points INTEGER NOT NULL, 
	max_points INTEGER NOT NULL, 
	message VARCHAR NOT NULL, 
	verdict VARCHAR NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (attempt_id, "check"), 
	FOREIGN KEY(attempt_id) REFERENCES mugrade_attempts (id)
);
INSERT INTO "mugrade_checks" VALUES(1,1,0,'check-0','mean','Why.','pass',2,2,'check_0   2 of 2 points','{"category": "pass", "actual": "", "expected": "", "at": "", "advice": "", "hidden": false, "diagnosis": null, "picture": null}');
INSERT INTO "mugrade_checks" VALUES(2,1,1,'check-1','mean','Why.','pass',2,2,'check_1   2 of 2 points','{"category": "pass", "actual": "", "expected": "", "at": "", "advice": "", "hidden": false, "diagnosis": null, "picture": null}');
INSERT INTO "mugrade_checks" VALUES(3,2,0,'check-0','mean','Why.','value',0,2,'check_0   0 of 2 points
  you       the value is wrong on an input that is not shown
  why       Why.
  try       look
  hint      mugrade hint mean','{"category": "value", "actual": "1", "expected": "2", "at": "", "advice": "look", "hidden": true, "diagnosis": null, "picture": null}');
INSERT INTO "mugrade_checks" VALUES(4,2,1,'check-1','mean','Why.','value',0,2,'check_1   0 of 2 points
  you       the value is wrong on an input that is not shown
  why       Why.
  try       look
  hint      mugrade hint mean','{"category": "value", "actual": "1", "expected": "2", "at": "", "advice": "look", "hidden": true, "diagnosis": null, "picture": null}');
INSERT INTO "mugrade_checks" VALUES(5,3,0,'check-0','mean','Why.','pass',2,2,'check_0   2 of 2 points','{"category": "pass", "actual": "", "expected": "", "at": "", "advice": "", "hidden": false, "diagnosis": null, "picture": null}');
INSERT INTO "mugrade_checks" VALUES(6,3,1,'check-1','mean','Why.','value',0,2,'check_1   0 of 2 points
  you       the value is wrong on an input that is not shown
  why       Why.
  try       look
  hint      mugrade hint mean','{"category": "value", "actual": "1", "expected": "2", "at": "", "advice": "look", "hidden": true, "diagnosis": null, "picture": null}');
INSERT INTO "mugrade_checks" VALUES(7,4,0,'check-0','mean','Why.','not run',0,2,'check_0   0 of 2 points
  you       no notebook was handed in
  why       Why.
  hint      mugrade hint mean','{"category": "not run", "actual": "no notebook was handed in", "expected": "", "at": "", "advice": "", "hidden": false, "diagnosis": null, "picture": null}');
INSERT INTO "mugrade_checks" VALUES(8,4,1,'check-1','mean','Why.','not run',0,2,'check_1   0 of 2 points
  you       no notebook was handed in
  why       Why.
  hint      mugrade hint mean','{"category": "not run", "actual": "no notebook was handed in", "expected": "", "at": "", "advice": "", "hidden": false, "diagnosis": null, "picture": null}');
INSERT INTO "mugrade_checks" VALUES(9,5,0,'check-0','mean','Why.','not run',0,2,'check_0   0 of 2 points
  you       no 00_mean.ipynb, but x.ipynb
  why       Why.
  hint      mugrade hint mean','{"category": "not run", "actual": "no 00_mean.ipynb, but x.ipynb", "expected": "", "at": "", "advice": "", "hidden": false, "diagnosis": null, "picture": null}');
INSERT INTO "mugrade_checks" VALUES(10,5,1,'check-1','mean','Why.','not run',0,2,'check_1   0 of 2 points
  you       no 00_mean.ipynb, but x.ipynb
  why       Why.
  hint      mugrade hint mean','{"category": "not run", "actual": "no 00_mean.ipynb, but x.ipynb", "expected": "", "at": "", "advice": "", "hidden": false, "diagnosis": null, "picture": null}');
INSERT INTO "mugrade_checks" VALUES(11,6,0,'check-0','mean','Why.','not run',0,2,'check_0   0 of 2 points
  you       it has no cells
  why       Why.
  hint      mugrade hint mean','{"category": "not run", "actual": "it has no cells", "expected": "", "at": "", "advice": "", "hidden": false, "diagnosis": null, "picture": null}');
INSERT INTO "mugrade_checks" VALUES(12,6,1,'check-1','mean','Why.','not run',0,2,'check_1   0 of 2 points
  you       it has no cells
  why       Why.
  hint      mugrade hint mean','{"category": "not run", "actual": "it has no cells", "expected": "", "at": "", "advice": "", "hidden": false, "diagnosis": null, "picture": null}');
INSERT INTO "mugrade_checks" VALUES(13,7,0,'check-0','mean','Why.','not run',0,2,'check_0   0 of 2 points
  you       no notebook was handed in
  why       Why.
  hint      mugrade hint mean','{"category": "not run", "actual": "no notebook was handed in", "expected": "", "at": "", "advice": "", "hidden": false, "diagnosis": null, "picture": null}');
INSERT INTO "mugrade_checks" VALUES(14,7,1,'check-1','mean','Why.','not run',0,2,'check_1   0 of 2 points
  you       no notebook was handed in
  why       Why.
  hint      mugrade hint mean','{"category": "not run", "actual": "no notebook was handed in", "expected": "", "at": "", "advice": "", "hidden": false, "diagnosis": null, "picture": null}');
CREATE INDEX ix_mugrade_checks_attempt_id ON mugrade_checks (attempt_id);
COMMIT;
