BEGIN TRANSACTION;
CREATE TABLE consent (
	version VARCHAR(40) NOT NULL, 
	language VARCHAR(20) NOT NULL, 
	text TEXT NOT NULL, 
	PRIMARY KEY (version, language)
);
INSERT INTO "consent" VALUES('2026-11','en','{}');
CREATE TABLE event (
	task VARCHAR(40) NOT NULL, 
	seq INTEGER NOT NULL, 
	id VARCHAR(40) NOT NULL, 
	received_at VARCHAR(40) NOT NULL, 
	content TEXT NOT NULL, 
	PRIMARY KEY (task, seq), 
	UNIQUE (task, id), 
	FOREIGN KEY(task) REFERENCES task (task)
);
INSERT INTO "event" VALUES('1560db18a9f4a7223d82d35a',0,'5bc8fbbc-bde5-4099-8164-d8399f767c45','2026-11-27T11:50:42.581Z','{"id": "5bc8fbbc-bde5-4099-8164-d8399f767c45", "seq": 0, "at": "2026-11-23T21:00:00.000Z", "kind": "stroke", "tool": "outline", "mode": "add", "radius": 3.0, "points": [10.0, 10.0, 30.0, 10.0, 30.0, 30.0, 10.0, 30.0]}');
INSERT INTO "event" VALUES('1560db18a9f4a7223d82d35a',1,'d76d4330-f144-4bea-b0c1-1fdecb91ce37','2026-11-27T11:50:42.581Z','{"id": "d76d4330-f144-4bea-b0c1-1fdecb91ce37", "seq": 1, "at": "2026-11-23T21:00:00.000Z", "kind": "undo"}');
INSERT INTO "event" VALUES('1560db18a9f4a7223d82d35a',2,'87b0b125-ec1d-4da0-a6eb-8c9ebd69fe29','2026-11-27T11:50:42.581Z','{"id": "87b0b125-ec1d-4da0-a6eb-8c9ebd69fe29", "seq": 2, "at": "2026-11-23T21:00:00.000Z", "kind": "stroke", "tool": "outline", "mode": "add", "radius": 3.0, "points": [12.0, 9.0, 32.0, 9.0, 32.0, 29.0, 12.0, 29.0]}');
INSERT INTO "event" VALUES('1560db18a9f4a7223d82d35a',3,'c6a53877-7733-4bdb-9721-0dff076ce2ef','2026-11-27T11:50:42.581Z','{"id": "c6a53877-7733-4bdb-9721-0dff076ce2ef", "seq": 3, "at": "2026-11-23T21:00:00.000Z", "kind": "stroke", "tool": "brush", "mode": "add", "radius": 3.0, "points": [40.125, 40.0]}');
INSERT INTO "event" VALUES('be940ad59001837b7994025f',0,'5f2dd97f-1cfb-40f6-a827-688de6a16a3b','2026-11-27T11:50:42.597Z','{"id": "5f2dd97f-1cfb-40f6-a827-688de6a16a3b", "seq": 0, "at": "2026-11-23T21:00:00.000Z", "kind": "stroke", "tool": "outline", "mode": "add", "radius": 3.0, "points": [10.0, 10.0, 30.0, 10.0, 30.0, 30.0, 10.0, 30.0]}');
INSERT INTO "event" VALUES('be940ad59001837b7994025f',1,'617959ce-3f1f-45a8-9e52-71007814e8a2','2026-11-27T11:50:42.597Z','{"id": "617959ce-3f1f-45a8-9e52-71007814e8a2", "seq": 1, "at": "2026-11-23T21:00:00.000Z", "kind": "undo"}');
INSERT INTO "event" VALUES('be940ad59001837b7994025f',2,'3fd42359-92ed-4f45-9a1a-fe878b33e968','2026-11-27T11:50:42.597Z','{"id": "3fd42359-92ed-4f45-9a1a-fe878b33e968", "seq": 2, "at": "2026-11-23T21:00:00.000Z", "kind": "stroke", "tool": "outline", "mode": "add", "radius": 3.0, "points": [12.0, 10.0, 32.0, 10.0, 32.0, 30.0, 12.0, 30.0]}');
INSERT INTO "event" VALUES('be940ad59001837b7994025f',3,'687c966c-377b-4aa2-bb2e-db20035b7399','2026-11-27T11:50:42.597Z','{"id": "687c966c-377b-4aa2-bb2e-db20035b7399", "seq": 3, "at": "2026-11-23T21:00:00.000Z", "kind": "stroke", "tool": "brush", "mode": "add", "radius": 3.0, "points": [40.125, 40.0]}');
INSERT INTO "event" VALUES('be940ad59001837b7994025f',4,'c30d8b76-28db-425e-a3b2-29f1c4069545','2026-11-27T11:50:42.605Z','{"id": "c30d8b76-28db-425e-a3b2-29f1c4069545", "seq": 4, "at": "2026-11-23T21:00:00.000Z", "kind": "stroke", "tool": "outline", "mode": "add", "radius": 3.0, "points": [40.0, 5.0, 60.0, 5.0, 60.0, 25.0, 40.0, 25.0]}');
INSERT INTO "event" VALUES('ae047acb1fff1fa71b0e444b',0,'21da8978-206f-4c66-b1e0-c07e9e115e4b','2026-11-27T11:50:42.624Z','{"id": "21da8978-206f-4c66-b1e0-c07e9e115e4b", "seq": 0, "at": "2026-11-23T21:00:00.000Z", "kind": "stroke", "tool": "outline", "mode": "add", "radius": 3.0, "points": [10.0, 10.0, 30.0, 10.0, 30.0, 30.0, 10.0, 30.0]}');
INSERT INTO "event" VALUES('ae047acb1fff1fa71b0e444b',1,'015c33b2-df14-41aa-b8eb-18b900745130','2026-11-27T11:50:42.624Z','{"id": "015c33b2-df14-41aa-b8eb-18b900745130", "seq": 1, "at": "2026-11-23T21:00:00.000Z", "kind": "undo"}');
INSERT INTO "event" VALUES('ae047acb1fff1fa71b0e444b',2,'f5cae3bf-3729-4619-860a-3cab359eeefb','2026-11-27T11:50:42.624Z','{"id": "f5cae3bf-3729-4619-860a-3cab359eeefb", "seq": 2, "at": "2026-11-23T21:00:00.000Z", "kind": "stroke", "tool": "outline", "mode": "add", "radius": 3.0, "points": [12.0, 11.0, 32.0, 11.0, 32.0, 31.0, 12.0, 31.0]}');
INSERT INTO "event" VALUES('ae047acb1fff1fa71b0e444b',3,'2a9eba0c-df56-4d80-aa75-9159fb7ff337','2026-11-27T11:50:42.624Z','{"id": "2a9eba0c-df56-4d80-aa75-9159fb7ff337", "seq": 3, "at": "2026-11-23T21:00:00.000Z", "kind": "stroke", "tool": "brush", "mode": "add", "radius": 3.0, "points": [40.125, 40.0]}');
INSERT INTO "event" VALUES('e86c9fa60f02ff57d16ff83c',0,'a02fdaa1-ad86-4c44-a049-548e8a0a8c96','2026-11-27T11:50:42.632Z','{"id": "a02fdaa1-ad86-4c44-a049-548e8a0a8c96", "seq": 0, "at": "2026-11-23T21:00:00.000Z", "kind": "stroke", "tool": "outline", "mode": "add", "radius": 3.0, "points": [10.0, 10.0, 30.0, 10.0, 30.0, 30.0, 10.0, 30.0]}');
INSERT INTO "event" VALUES('e86c9fa60f02ff57d16ff83c',1,'f7f35634-f0e3-4d97-ae81-d66d346c6e2b','2026-11-27T11:50:42.632Z','{"id": "f7f35634-f0e3-4d97-ae81-d66d346c6e2b", "seq": 1, "at": "2026-11-23T21:00:00.000Z", "kind": "undo"}');
INSERT INTO "event" VALUES('e86c9fa60f02ff57d16ff83c',2,'f7108e96-f770-4226-b266-aa3bb0cde917','2026-11-27T11:50:42.632Z','{"id": "f7108e96-f770-4226-b266-aa3bb0cde917", "seq": 2, "at": "2026-11-23T21:00:00.000Z", "kind": "stroke", "tool": "outline", "mode": "add", "radius": 3.0, "points": [12.0, 12.0, 32.0, 12.0, 32.0, 32.0, 12.0, 32.0]}');
INSERT INTO "event" VALUES('e86c9fa60f02ff57d16ff83c',3,'0585a01c-4c7d-4df0-a21a-ef57e4cc4132','2026-11-27T11:50:42.632Z','{"id": "0585a01c-4c7d-4df0-a21a-ef57e4cc4132", "seq": 3, "at": "2026-11-23T21:00:00.000Z", "kind": "stroke", "tool": "brush", "mode": "add", "radius": 3.0, "points": [40.125, 40.0]}');
INSERT INTO "event" VALUES('49737949b5e8ec936feaec8e',0,'54f46a69-10ac-4f00-8389-2dfc254cb864','2026-11-27T11:50:42.640Z','{"id": "54f46a69-10ac-4f00-8389-2dfc254cb864", "seq": 0, "at": "2026-11-23T21:00:00.000Z", "kind": "stroke", "tool": "outline", "mode": "add", "radius": 3.0, "points": [10.0, 10.0, 30.0, 10.0, 30.0, 30.0, 10.0, 30.0]}');
INSERT INTO "event" VALUES('49737949b5e8ec936feaec8e',1,'960d5a8f-9a65-4aaf-9141-25844d25deb3','2026-11-27T11:50:42.640Z','{"id": "960d5a8f-9a65-4aaf-9141-25844d25deb3", "seq": 1, "at": "2026-11-23T21:00:00.000Z", "kind": "undo"}');
INSERT INTO "event" VALUES('49737949b5e8ec936feaec8e',2,'b52a43ab-ad8d-494a-9892-139600ddb74d','2026-11-27T11:50:42.640Z','{"id": "b52a43ab-ad8d-494a-9892-139600ddb74d", "seq": 2, "at": "2026-11-23T21:00:00.000Z", "kind": "stroke", "tool": "outline", "mode": "add", "radius": 3.0, "points": [12.0, 13.0, 32.0, 13.0, 32.0, 33.0, 12.0, 33.0]}');
INSERT INTO "event" VALUES('49737949b5e8ec936feaec8e',3,'5af84e6b-4f59-4727-90e6-d8e6568068b9','2026-11-27T11:50:42.640Z','{"id": "5af84e6b-4f59-4727-90e6-d8e6568068b9", "seq": 3, "at": "2026-11-23T21:00:00.000Z", "kind": "stroke", "tool": "brush", "mode": "add", "radius": 3.0, "points": [40.125, 40.0]}');
INSERT INTO "event" VALUES('62dd51efede16f348660c795',0,'78f845f5-7b31-40df-af4d-4c8650d7d13f','2026-11-27T11:50:42.668Z','{"id": "78f845f5-7b31-40df-af4d-4c8650d7d13f", "seq": 0, "at": "2026-11-23T21:00:00.000Z", "kind": "stroke", "tool": "outline", "mode": "add", "radius": 3.0, "points": [10.0, 10.0, 30.0, 10.0, 30.0, 30.0, 10.0, 30.0]}');
INSERT INTO "event" VALUES('62dd51efede16f348660c795',1,'419521fe-0e97-4cf3-ad16-34b4b4653252','2026-11-27T11:50:42.668Z','{"id": "419521fe-0e97-4cf3-ad16-34b4b4653252", "seq": 1, "at": "2026-11-23T21:00:00.000Z", "kind": "undo"}');
INSERT INTO "event" VALUES('62dd51efede16f348660c795',2,'f3001cee-05da-4467-b063-13fff9a01fe8','2026-11-27T11:50:42.668Z','{"id": "f3001cee-05da-4467-b063-13fff9a01fe8", "seq": 2, "at": "2026-11-23T21:00:00.000Z", "kind": "stroke", "tool": "outline", "mode": "add", "radius": 3.0, "points": [13.0, 9.0, 33.0, 9.0, 33.0, 29.0, 13.0, 29.0]}');
INSERT INTO "event" VALUES('62dd51efede16f348660c795',3,'677fd139-d84a-4d3a-9b8e-8fb2bff29101','2026-11-27T11:50:42.668Z','{"id": "677fd139-d84a-4d3a-9b8e-8fb2bff29101", "seq": 3, "at": "2026-11-23T21:00:00.000Z", "kind": "stroke", "tool": "brush", "mode": "add", "radius": 3.0, "points": [40.125, 40.0]}');
INSERT INTO "event" VALUES('13cf328d0e90f4395852cb4d',0,'d75b1e24-9419-4f4d-a059-7bdc5dbe4409','2026-11-27T11:50:42.682Z','{"id": "d75b1e24-9419-4f4d-a059-7bdc5dbe4409", "seq": 0, "at": "2026-11-23T21:00:00.000Z", "kind": "stroke", "tool": "outline", "mode": "add", "radius": 3.0, "points": [10.0, 10.0, 30.0, 10.0, 30.0, 30.0, 10.0, 30.0]}');
INSERT INTO "event" VALUES('13cf328d0e90f4395852cb4d',1,'b52fa53c-0bf6-4ef7-b3ec-28d00252f615','2026-11-27T11:50:42.682Z','{"id": "b52fa53c-0bf6-4ef7-b3ec-28d00252f615", "seq": 1, "at": "2026-11-23T21:00:00.000Z", "kind": "undo"}');
INSERT INTO "event" VALUES('13cf328d0e90f4395852cb4d',2,'f453324e-f486-4b73-9fab-a8272e50bd4e','2026-11-27T11:50:42.682Z','{"id": "f453324e-f486-4b73-9fab-a8272e50bd4e", "seq": 2, "at": "2026-11-23T21:00:00.000Z", "kind": "stroke", "tool": "outline", "mode": "add", "radius": 3.0, "points": [13.0, 10.0, 33.0, 10.0, 33.0, 30.0, 13.0, 30.0]}');
INSERT INTO "event" VALUES('13cf328d0e90f4395852cb4d',3,'3eff8b3f-c177-4113-9e78-2196324f3e81','2026-11-27T11:50:42.682Z','{"id": "3eff8b3f-c177-4113-9e78-2196324f3e81", "seq": 3, "at": "2026-11-23T21:00:00.000Z", "kind": "stroke", "tool": "brush", "mode": "add", "radius": 3.0, "points": [40.125, 40.0]}');
INSERT INTO "event" VALUES('dd3dd43ed67b54142b154948',0,'e488b6c8-5ad3-4a32-8332-f05a58296818','2026-11-27T11:50:42.691Z','{"id": "e488b6c8-5ad3-4a32-8332-f05a58296818", "seq": 0, "at": "2026-11-23T21:00:00.000Z", "kind": "stroke", "tool": "outline", "mode": "add", "radius": 3.0, "points": [10.0, 10.0, 30.0, 10.0, 30.0, 30.0, 10.0, 30.0]}');
INSERT INTO "event" VALUES('dd3dd43ed67b54142b154948',1,'767d5274-c68d-4b5d-803a-960a8652dbd0','2026-11-27T11:50:42.691Z','{"id": "767d5274-c68d-4b5d-803a-960a8652dbd0", "seq": 1, "at": "2026-11-23T21:00:00.000Z", "kind": "undo"}');
INSERT INTO "event" VALUES('dd3dd43ed67b54142b154948',2,'c7eec61b-bf97-43c0-96fa-bb7b1ba95a54','2026-11-27T11:50:42.691Z','{"id": "c7eec61b-bf97-43c0-96fa-bb7b1ba95a54", "seq": 2, "at": "2026-11-23T21:00:00.000Z", "kind": "stroke", "tool": "outline", "mode": "add", "radius": 3.0, "points": [13.0, 11.0, 33.0, 11.0, 33.0, 31.0, 13.0, 31.0]}');
INSERT INTO "event" VALUES('dd3dd43ed67b54142b154948',3,'4bbdbb01-dc14-4d57-9e07-30b3cc170c31','2026-11-27T11:50:42.691Z','{"id": "4bbdbb01-dc14-4d57-9e07-30b3cc170c31", "seq": 3, "at": "2026-11-23T21:00:00.000Z", "kind": "stroke", "tool": "brush", "mode": "add", "radius": 3.0, "points": [40.125, 40.0]}');
INSERT INTO "event" VALUES('2d23025b6e7c2f640a879170',0,'834c1b69-573a-459a-b55f-2af41757905e','2026-11-27T11:50:42.698Z','{"id": "834c1b69-573a-459a-b55f-2af41757905e", "seq": 0, "at": "2026-11-23T21:00:00.000Z", "kind": "stroke", "tool": "outline", "mode": "add", "radius": 3.0, "points": [10.0, 10.0, 30.0, 10.0, 30.0, 30.0, 10.0, 30.0]}');
INSERT INTO "event" VALUES('2d23025b6e7c2f640a879170',1,'25f02628-eb07-430d-9cd5-061c9c5f319e','2026-11-27T11:50:42.698Z','{"id": "25f02628-eb07-430d-9cd5-061c9c5f319e", "seq": 1, "at": "2026-11-23T21:00:00.000Z", "kind": "undo"}');
INSERT INTO "event" VALUES('2d23025b6e7c2f640a879170',2,'b3de08f9-ec98-4704-8692-ba0357079670','2026-11-27T11:50:42.698Z','{"id": "b3de08f9-ec98-4704-8692-ba0357079670", "seq": 2, "at": "2026-11-23T21:00:00.000Z", "kind": "stroke", "tool": "outline", "mode": "add", "radius": 3.0, "points": [13.0, 12.0, 33.0, 12.0, 33.0, 32.0, 13.0, 32.0]}');
INSERT INTO "event" VALUES('2d23025b6e7c2f640a879170',3,'af9b74f8-4ffc-4f42-9792-1e6c8b8e8f4e','2026-11-27T11:50:42.698Z','{"id": "af9b74f8-4ffc-4f42-9792-1e6c8b8e8f4e", "seq": 3, "at": "2026-11-23T21:00:00.000Z", "kind": "stroke", "tool": "brush", "mode": "add", "radius": 3.0, "points": [40.125, 40.0]}');
INSERT INTO "event" VALUES('c614df8a8c9851854b006b4a',0,'b89c4e56-261c-474b-a076-57d61404ab1e','2026-11-27T11:50:42.713Z','{"id": "b89c4e56-261c-474b-a076-57d61404ab1e", "seq": 0, "at": "2026-11-23T21:00:00.000Z", "kind": "stroke", "tool": "outline", "mode": "add", "radius": 3.0, "points": [10.0, 10.0, 30.0, 10.0, 30.0, 30.0, 10.0, 30.0]}');
INSERT INTO "event" VALUES('c614df8a8c9851854b006b4a',1,'7bd9e8a1-ff29-4d0e-8f2e-84fcb06dbee0','2026-11-27T11:50:42.713Z','{"id": "7bd9e8a1-ff29-4d0e-8f2e-84fcb06dbee0", "seq": 1, "at": "2026-11-23T21:00:00.000Z", "kind": "undo"}');
INSERT INTO "event" VALUES('c614df8a8c9851854b006b4a',2,'14b9adb5-0c6d-4a3d-b85a-5cd22959fea3','2026-11-27T11:50:42.713Z','{"id": "14b9adb5-0c6d-4a3d-b85a-5cd22959fea3", "seq": 2, "at": "2026-11-23T21:00:00.000Z", "kind": "stroke", "tool": "outline", "mode": "add", "radius": 3.0, "points": [13.0, 13.0, 33.0, 13.0, 33.0, 33.0, 13.0, 33.0]}');
INSERT INTO "event" VALUES('c614df8a8c9851854b006b4a',3,'ec717f15-8895-487f-99c4-258bfc985000','2026-11-27T11:50:42.713Z','{"id": "ec717f15-8895-487f-99c4-258bfc985000", "seq": 3, "at": "2026-11-23T21:00:00.000Z", "kind": "stroke", "tool": "brush", "mode": "add", "radius": 3.0, "points": [40.125, 40.0]}');
CREATE TABLE person (
	reader VARCHAR(20) NOT NULL, 
	invited_as TEXT, 
	name TEXT, 
	email TEXT, 
	PRIMARY KEY (reader), 
	FOREIGN KEY(reader) REFERENCES reader (reader)
);
INSERT INTO "person" VALUES('r-vj3zgf','Invitee 0','Ada Bianchi','ada@example.org');
INSERT INTO "person" VALUES('r-5b4gyk','Invitee 1','Zoë O''Neil',NULL);
CREATE TABLE "plan" (
	one INTEGER NOT NULL, 
	made_at VARCHAR(40) NOT NULL, 
	content TEXT NOT NULL, 
	PRIMARY KEY (one)
);
INSERT INTO "plan" VALUES(1,'2026-11-27T11:50:42.511Z','{"controls": ["c1"], "images": ["i1", "i2"], "practice": ["p1"], "readers": 2, "readers_per_image": 2, "sha256": {}}');
CREATE TABLE reader (
	reader VARCHAR(20) NOT NULL, 
	slot INTEGER, 
	token_hash VARCHAR(64), 
	invited_at VARCHAR(40) NOT NULL, 
	enrolled_at VARCHAR(40), 
	profession VARCHAR(40), 
	years INTEGER, 
	language VARCHAR(20), 
	consent_version VARCHAR(40), 
	consent_language VARCHAR(20), 
	withdrawn_at VARCHAR(40), 
	PRIMARY KEY (reader), 
	UNIQUE (slot), 
	UNIQUE (token_hash)
);
INSERT INTO "reader" VALUES('r-vj3zgf',0,'1543259759aeb19588c6ba26557bd1de00ffbe1696168c67c1f3892d8d76f425','2026-11-27T11:50:42.536Z','2026-11-27T11:50:42.546Z','radiologist',7,'en','2026-11','en',NULL);
INSERT INTO "reader" VALUES('r-5b4gyk',1,'5f3ef40a91c4b73c0cd13c09d68ee743eb43d9b653d438f39dd2b094f3ae0018','2026-11-27T11:50:42.656Z','2026-11-27T11:50:42.660Z','radiologist',7,'en','2026-11','en',NULL);
INSERT INTO "reader" VALUES('r-hs35ej',NULL,NULL,'2026-11-27T11:50:42.727Z',NULL,NULL,NULL,NULL,NULL,NULL,'2026-11-27T11:50:42.817Z');
CREATE TABLE secret (
	name VARCHAR(20) NOT NULL, 
	hash VARCHAR(64), 
	PRIMARY KEY (name)
);
INSERT INTO "secret" VALUES('admin','5bcf833aaec7a4fab597225171a7c3025c79bab6f7acb3d78fbbc21982dbd79f');
CREATE TABLE session (
	hash VARCHAR(64) NOT NULL, 
	reader VARCHAR(20), 
	begun_at VARCHAR(40) NOT NULL, 
	ends_at VARCHAR(40) NOT NULL, 
	PRIMARY KEY (hash), 
	FOREIGN KEY(reader) REFERENCES reader (reader)
);
INSERT INTO "session" VALUES('83659ae2f42caa4c060d2cf9c632ea05ab29fe9202f9186a985e6d306403fb8c','r-vj3zgf','2026-11-27T11:50:42.575Z','2027-01-26T11:50:42.575Z');
INSERT INTO "session" VALUES('781bf81d41b38b0db37c6bfd70d121641bf37f0f07bda93049a49dde8c36bfbb','r-5b4gyk','2026-11-27T11:50:42.664Z','2027-01-26T11:50:42.664Z');
CREATE TABLE submission (
	id VARCHAR(40) NOT NULL, 
	task VARCHAR(40) NOT NULL, 
	version INTEGER NOT NULL, 
	answer VARCHAR(10) NOT NULL, 
	confidence INTEGER, 
	num_events INTEGER NOT NULL, 
	height INTEGER NOT NULL, 
	width INTEGER NOT NULL, 
	counts TEXT, 
	opened_at VARCHAR(40) NOT NULL, 
	submitted_at VARCHAR(40) NOT NULL, 
	received_at VARCHAR(40) NOT NULL, 
	active_seconds FLOAT NOT NULL, 
	tool_version VARCHAR(40) NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (task, version), 
	FOREIGN KEY(task) REFERENCES task (task)
);
INSERT INTO "submission" VALUES('0d464138-a623-4255-bfc1-ea36f17fd374','1560db18a9f4a7223d82d35a',1,'region',4,4,64,64,'[777, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 394, 2, 60, 6, 58, 6, 58, 6, 58, 6, 59, 4, 1366]','2026-11-23T21:00:00.000Z','2026-11-23T21:00:00.000Z','2026-11-27T11:50:42.589Z',12.5,'0.1');
INSERT INTO "submission" VALUES('de11cc9d-ea95-4c21-ae9c-82b1478c281d','be940ad59001837b7994025f',1,'region',4,4,64,64,'[778, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 393, 2, 60, 6, 58, 6, 58, 6, 58, 6, 59, 4, 1366]','2026-11-23T21:00:00.000Z','2026-11-23T21:00:00.000Z','2026-11-27T11:50:42.601Z',12.5,'0.1');
INSERT INTO "submission" VALUES('9e30691c-2386-42ea-926a-1e48cc11d357','be940ad59001837b7994025f',2,'region',4,5,64,64,'[778, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 393, 2, 60, 6, 58, 6, 26, 20, 12, 6, 26, 20, 12, 6, 26, 20, 13, 4, 27, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 295]','2026-11-23T21:00:00.000Z','2026-11-23T21:00:00.000Z','2026-11-27T11:50:42.611Z',12.5,'0.1');
INSERT INTO "submission" VALUES('32ea6928-f623-4bf2-904b-74ba4a0fe75d','ae047acb1fff1fa71b0e444b',1,'none',4,4,64,64,NULL,'2026-11-23T21:00:00.000Z','2026-11-23T21:00:00.000Z','2026-11-27T11:50:42.627Z',12.5,'0.1');
INSERT INTO "submission" VALUES('ef901b93-2a7c-4880-aa37-53915c76f18a','e86c9fa60f02ff57d16ff83c',1,'cannot',NULL,4,64,64,NULL,'2026-11-23T21:00:00.000Z','2026-11-23T21:00:00.000Z','2026-11-27T11:50:42.635Z',12.5,'0.1');
INSERT INTO "submission" VALUES('b2489191-7b12-4dc5-8e5a-3a26d18a669a','49737949b5e8ec936feaec8e',1,'region',4,4,64,64,'[781, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 390, 2, 60, 6, 58, 6, 58, 6, 58, 6, 59, 4, 1366]','2026-11-23T21:00:00.000Z','2026-11-23T21:00:00.000Z','2026-11-27T11:50:42.644Z',12.5,'0.1');
INSERT INTO "submission" VALUES('6b384309-c9a9-47a6-8c8f-95ef04a012e8','62dd51efede16f348660c795',1,'region',4,4,64,64,'[841, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 330, 2, 60, 6, 58, 6, 58, 6, 58, 6, 59, 4, 1366]','2026-11-23T21:00:00.000Z','2026-11-23T21:00:00.000Z','2026-11-27T11:50:42.676Z',12.5,'0.1');
INSERT INTO "submission" VALUES('76531737-f129-48c6-91ca-4dc4edfde416','13cf328d0e90f4395852cb4d',1,'region',4,4,64,64,'[842, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 329, 2, 60, 6, 58, 6, 58, 6, 58, 6, 59, 4, 1366]','2026-11-23T21:00:00.000Z','2026-11-23T21:00:00.000Z','2026-11-27T11:50:42.688Z',12.5,'0.1');
INSERT INTO "submission" VALUES('fa749692-f21f-45eb-aed7-8f5d0960afe9','dd3dd43ed67b54142b154948',1,'none',4,4,64,64,NULL,'2026-11-23T21:00:00.000Z','2026-11-23T21:00:00.000Z','2026-11-27T11:50:42.694Z',12.5,'0.1');
INSERT INTO "submission" VALUES('cc7c6d81-2d6f-4efc-8e61-3a365119cdcc','2d23025b6e7c2f640a879170',1,'cannot',NULL,4,64,64,NULL,'2026-11-23T21:00:00.000Z','2026-11-23T21:00:00.000Z','2026-11-27T11:50:42.707Z',12.5,'0.1');
INSERT INTO "submission" VALUES('bd953dc2-3cc2-4779-8825-c7cc67e84707','c614df8a8c9851854b006b4a',1,'region',4,4,64,64,'[845, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 44, 20, 326, 2, 60, 6, 58, 6, 58, 6, 58, 6, 59, 4, 1366]','2026-11-23T21:00:00.000Z','2026-11-23T21:00:00.000Z','2026-11-27T11:50:42.720Z',12.5,'0.1');
CREATE TABLE task (
	task VARCHAR(40) NOT NULL, 
	reader VARCHAR(20) NOT NULL, 
	number INTEGER NOT NULL, 
	image TEXT NOT NULL, 
	kind VARCHAR(10) NOT NULL, 
	repeat INTEGER NOT NULL, 
	PRIMARY KEY (task), 
	UNIQUE (reader, number), 
	UNIQUE (reader, image, repeat), 
	FOREIGN KEY(reader) REFERENCES reader (reader)
);
INSERT INTO "task" VALUES('1560db18a9f4a7223d82d35a','r-vj3zgf',1,'p1','practice',0);
INSERT INTO "task" VALUES('be940ad59001837b7994025f','r-vj3zgf',2,'i1','study',0);
INSERT INTO "task" VALUES('ae047acb1fff1fa71b0e444b','r-vj3zgf',3,'c1','control',0);
INSERT INTO "task" VALUES('e86c9fa60f02ff57d16ff83c','r-vj3zgf',4,'i2','study',0);
INSERT INTO "task" VALUES('49737949b5e8ec936feaec8e','r-vj3zgf',5,'i1','study',1);
INSERT INTO "task" VALUES('62dd51efede16f348660c795','r-5b4gyk',1,'p1','practice',0);
INSERT INTO "task" VALUES('13cf328d0e90f4395852cb4d','r-5b4gyk',2,'i1','study',0);
INSERT INTO "task" VALUES('dd3dd43ed67b54142b154948','r-5b4gyk',3,'c1','control',0);
INSERT INTO "task" VALUES('2d23025b6e7c2f640a879170','r-5b4gyk',4,'i2','study',0);
INSERT INTO "task" VALUES('c614df8a8c9851854b006b4a','r-5b4gyk',5,'i1','study',1);
CREATE INDEX ix_session_reader ON session (reader);
CREATE TRIGGER event_is_append_only BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER submission_is_append_only BEFORE UPDATE ON submission BEGIN SELECT RAISE(ABORT, 'append-only'); END;
COMMIT;
